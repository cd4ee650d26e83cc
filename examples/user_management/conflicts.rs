//! Several people change one account. No change is lost silently.

use futures::future::try_join_all;
use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{Role, User},
};

/// Two administrators edit what they see; the second one is told that it has changed, looks again, and decides.
pub(crate) async fn of_two_forms(
    db: &Db,
    user: Id<User>,
    checks: &mut Checks,
) -> smarterbase::Result<()> {
    println!("\ntwo administrators edit one account");
    let mut mine = User::get(db, &user).required().await?;
    let mut theirs = mine.clone();
    theirs.name = "Augusta Ada King".to_owned();
    theirs.save(db).await?;
    mine.role = Role::Editor;
    let refused = mine.save(db).await.err();
    let kind = refused.as_ref().map(Error::kind);
    checks.equal(
        "the second one to save is told",
        kind,
        Some(ErrorKind::Conflict),
    );
    mine.reload(db).await?;
    mine.role = Role::Editor;
    mine.save(db).await?;
    let now = User::get(db, &user).required().await?;
    checks.equal(
        "both changes are there in the end",
        (now.name.as_str(), now.role),
        ("Augusta Ada King", Role::Editor),
    );
    Ok(())
}

/// Programs do not look: `update` reads, changes and swaps, and does so again when somebody else was faster.
pub(crate) async fn of_many_programs(
    db: &Db,
    user: Id<User>,
    checks: &mut Checks,
) -> smarterbase::Result<()> {
    println!("\nten programs add a tag each, all at once");
    let add = |number: u32| {
        User::update(db, &user, move |user| {
            user.tags.push(format!("tag-{number}"));
            Ok(())
        })
        .into_future()
    };
    try_join_all((0..10).map(add)).await?;
    let now = User::get(db, &user).required().await?;
    let added = now
        .tags
        .iter()
        .filter(|tag| tag.starts_with("tag-"))
        .count();
    checks.equal("all ten tags are there", added, 10);
    let found = User::find_by_tags(db, "tag-7").await?;
    checks.equal("… and find the account", found.len(), 1);
    Ok(())
}
