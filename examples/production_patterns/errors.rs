//! Errors by kind: each kind says what to do, each code has a page, and no text holds the value of a field.

use std::fmt;

use smarterbase::prelude::*;

use crate::{
    checks::Checks,
    model::{AUTHORS, Article, article},
};

#[derive(Debug)]
struct NotToday;
impl fmt::Display for NotToday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not today")
    }
}
impl std::error::Error for NotToday {}

/// Makes one error of each kind that needs no broken store.
pub(crate) async fn by_kind(db: &Db, checks: &mut Checks) -> smarterbase::Result<()> {
    println!("\nerrors, and what to do");
    let missing = Article::get(db, &"nowhere".to_owned())
        .required()
        .await
        .err();
    expect(checks, ErrorKind::NotFound, missing);
    expect(checks, ErrorKind::Conflict, stale_save(db).await?);
    let taken = Article {
        slug: "SLUG-7".to_owned(),
        ..article(9_000)
    };
    expect(
        checks,
        ErrorKind::Unique,
        Article::create(db, taken).await.err(),
    );
    let nameless = Article {
        slug: String::new(),
        ..article(9_000)
    };
    expect(
        checks,
        ErrorKind::Invalid,
        Article::create(db, nameless).await.err(),
    );
    let everything = Article::query(db)
        .scan()
        .budget(10)
        .sort_by(|one, other| one.title.cmp(&other.title));
    expect(checks, ErrorKind::Refused, everything.await.err());
    let aborted = Article::update(db, &article(1).id, |_| Err(Error::abort(NotToday))).await;
    expect(checks, ErrorKind::Aborted, aborted.err());
    Ok(())
}

async fn stale_save(db: &Db) -> smarterbase::Result<Option<Error>> {
    let mut mine = Article::get(db, &article(2).id).required().await?;
    let mut theirs = mine.clone();
    theirs.title = "Theirs".to_owned();
    theirs.save(db).await?;
    mine.title = "Mine".to_owned();
    Ok(mine.save(db).await.err())
}

fn expect(checks: &mut Checks, kind: ErrorKind, error: Option<Error>) {
    let Some(error) = error else {
        checks.holds(&format!("{kind:?}"), false);
        return;
    };
    println!("  {error}");
    println!("          {kind:?}: {}", what_to_do(kind));
    let text = error.to_string();
    let values = AUTHORS.iter().chain(&["SLUG-7", "Theirs", "Mine"]);
    let tells_no_value = values.into_iter().all(|value| !text.contains(value));
    let is_right = error.kind() == kind && error.code().starts_with("SB-");
    checks.holds(
        &format!("{} is of this kind and tells no value", error.code()),
        is_right && tells_no_value,
    );
}

fn what_to_do(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "nothing to retry",
        ErrorKind::Conflict => "read again and decide, or use `update`",
        ErrorKind::Unique => "choose another value",
        ErrorKind::Invalid => "correct it; every broken rule is named",
        ErrorKind::Unavailable => "retry with backoff",
        ErrorKind::OutcomeUnknown => "read before retrying",
        ErrorKind::Refused => "narrow the request, or raise the limit",
        ErrorKind::Aborted => "your own error: `downcast` it",
        _ => "do not retry; look at the store, the settings or the program's version",
    }
}
