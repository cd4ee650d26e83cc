//! Finding accounts: by indexes, by text within what an index finds, and page by page.

use std::collections::BTreeSet;

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{Role, User},
};

/// How many accounts one page shows.
const PAGE: usize = 7;

pub(crate) async fn questions(db: &Db, people: u32, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\nquestions");
    let counts = User::query(db)
        .counts(|user| user.role, [Role::Admin, Role::Editor, Role::Reader])
        .await?;
    println!("  administrators, editors, readers: {counts:?}");
    checks.equal(
        "these are all of them",
        counts.iter().sum(),
        u64::from(people),
    );

    let letters = User::query(db).filter(|user| user.tags.has("newsletter"));
    let letters = letters.count().await?;
    checks.equal(
        "every fifth one gets the newsletter",
        letters,
        u64::from(people.div_ceil(5)),
    );

    let here = User::count_by_domain(db, "Example.ORG").await?;
    checks.equal("everybody is at one domain", here, u64::from(people));

    // The index on the role finds the candidates, the text is looked for in them.
    let found = User::query(db)
        .filter(|user| user.role.eq(Role::Reader) & user.name.contains_text("Hopper"))
        .order_by(|user| user.name.desc())
        .explain()
        .await?;
    let (profile, names) = (&found.profile, found.result.iter().map(|user| &user.name));
    println!(
        "  readers named Hopper: {} of {} candidates, by {}",
        names.len(),
        profile.candidates,
        profile.plan
    );
    checks.holds(
        "… from the last name to the first",
        names.is_sorted_by(|one, next| one > next),
    );
    checks.at_least("… found", found.result.len(), 5);
    let scanned = User::query(db)
        .scan()
        .retain(|user| user.role == Role::Reader && user.name.contains("Hopper"));
    checks.equal(
        "… as many as a scan finds",
        scanned.count().await?,
        found.result.len() as u64,
    );
    Ok(())
}

/// Walks through everybody, the newest first. The cursor is text: it goes to a browser and comes back.
pub(crate) async fn pages(db: &Db, people: u32, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\npages of {PAGE}, the newest first");
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let page = User::query(db)
            .order_by(|user| user.joined_at.desc())
            .page(PAGE)
            .after_opt(cursor.map(Cursor::from))
            .await?;
        pages += 1;
        seen.extend(page.items.iter().map(|user| (user.joined_at, user.id)));
        cursor = page.next.map(|next| next.to_string());
        if cursor.is_none() {
            break;
        }
    }
    println!("  {} accounts on {pages} pages", seen.len());
    let different: BTreeSet<_> = seen.iter().map(|(_, id)| id.to_string()).collect();
    let people = people as usize;
    checks.equal(
        "everybody once",
        (seen.len(), different.len()),
        (people, people),
    );
    checks.holds("in order", seen.is_sorted_by(|one, next| one.0 >= next.0));
    checks.equal("only the last page is short", pages, people.div_ceil(PAGE));
    Ok(())
}
