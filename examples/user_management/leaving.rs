//! Leaving: an account is deactivated first, what it was can be read, and later all such accounts are deleted at once.

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{NewUser, Role, Standing, User},
};

/// Deactivates every reader who does not get the newsletter.
pub(crate) async fn deactivate(db: &Db, checks: &mut Checks) -> smarterbase::Result<u64> {
    println!("\nreaders without the newsletter are deactivated");
    let idle =
        User::query(db).filter(|user| user.role.eq(Role::Reader) & !user.tags.has("newsletter"));
    let deactivated = idle.for_each_concurrent(8, |user| async move {
        let leave = |user: &mut User| {
            user.standing = Standing::Deactivated;
            Ok(())
        };
        User::update(db, &user.id, leave).await.map(drop)
    });
    let deactivated = deactivated.await?;
    println!("  {deactivated} accounts");
    checks.at_least(
        "deactivated",
        usize::try_from(deactivated).unwrap_or_default(),
        5,
    );
    let found = User::count_by_standing(db, Standing::Deactivated).await?;
    checks.equal("the index knows them", found, deactivated);
    // The partial index holds active accounts only: who was deactivated costs it nothing any more.
    let active = User::find_by_active_role_in(db, Role::Reader, ..).descending();
    let active = active.explain().await?;
    let all = User::count_by_role(db, Role::Reader).await?;
    checks.equal(
        "active readers are the others",
        active.result.len() as u64,
        all - deactivated,
    );
    Ok(deactivated)
}

/// What an account was, version by version.
pub(crate) async fn remember(
    db: &Db,
    user: Id<User>,
    checks: &mut Checks,
) -> smarterbase::Result<()> {
    println!("\nwhat the account with two administrators was");
    let versions = User::history(db, &user).await?;
    for version in &versions {
        let User {
            name, role, tags, ..
        } = &**version;
        println!(
            "  revision {:2}: {name}, {role:?}, {} tags",
            version.revision(),
            tags.len()
        );
    }
    let is_next = |one: &Stored<User>, next: &Stored<User>| one.revision() < next.revision();
    checks.holds(
        "no version is missing",
        versions.is_sorted_by(is_next) && versions.len() == 13,
    );
    let first = versions.first().map(|version| version.name.as_str());
    checks.equal("the first one is as it was", first, Some("Lovelace 000"));
    Ok(())
}

/// Deletes all that were deactivated, by one query. Each is checked again before it goes.
pub(crate) async fn delete(
    db: &Db,
    people: u32,
    deactivated: u64,
    checks: &mut Checks,
) -> smarterbase::Result<()> {
    println!("\ndeactivated accounts are deleted");
    let gone = User::query(db).filter(|user| user.standing.eq(Standing::Deactivated));
    let first = gone.first().await?.expect("there are some");
    let gone = User::delete_by_standing(db, Standing::Deactivated).await?;
    checks.equal("as many as were deactivated", gone, deactivated);
    let left = User::list(db).await?.len() as u64;
    checks.equal("the others stay", left, u64::from(people) - gone);

    let again = NewUser {
        email: first.email.to_uppercase(),
        name: "Somebody else".to_owned(),
        role: Role::Reader,
        tags: Vec::new(),
    };
    let again = User::create(db, again).await?;
    checks.holds("a deleted account's address is free", again.id != first.id);
    Ok(())
}
