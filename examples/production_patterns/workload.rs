//! A workload of questions, most of them answered by indexes, and one that nobody should ask often.

use smarterbase::{Result, prelude::*};

use crate::model::{ARTICLES, AUTHORS, Article, Status, article};

/// How often each cheap question is asked.
pub(crate) const ROUNDS: u32 = 25;

pub(crate) async fn fill(db: &Db) -> Result<()> {
    for created in Article::create_many(db, (0..ARTICLES).map(article)).await? {
        created?;
    }
    Ok(())
}

/// Asks all of them.
pub(crate) async fn ask(db: &Db) -> Result<()> {
    for round in 0..ROUNDS {
        by_slug(db, round).await?;
        long_ones(db, round).await?;
        drafts(db).await?;
    }
    by_title(db).await.map(drop)
}

/// One unique value: two requests, however many articles there are.
async fn by_slug(db: &Db, round: u32) -> Result<()> {
    let found = Article::find_by_slug(db, format!("slug-{round}")).await?;
    found
        .map(drop)
        .ok_or_else(|| missing("an article of this slug"))
}

/// One author's longest articles: an index over both fields finds them, in order.
async fn long_ones(db: &Db, round: u32) -> Result<()> {
    let author = AUTHORS[round as usize % AUTHORS.len()];
    let longest = Article::query(db)
        .filter(|article| article.author.eq(author) & article.words.ge(1_000_u32))
        .order_by(|article| article.words.asc())
        .limit(5)
        .await?;
    if longest.is_empty() {
        return Err(missing("a long article of this author"));
    }
    Ok(())
}

/// The drafts: an index finds them, and they are sorted by another field.
async fn drafts(db: &Db) -> Result<()> {
    let drafts = Article::query(db).filter(|article| article.status.eq(Status::Draft));
    let drafts = drafts.order_by(|article| article.title.desc()).await?;
    if drafts.len() != ARTICLES as usize / 10 {
        return Err(missing("a draft"));
    }
    Ok(())
}

/// Text in a field without an index: every article is read.
pub(crate) async fn by_title(db: &Db) -> Result<usize> {
    let found = Article::query(db)
        .scan()
        .filter(|article| article.title.contains_text("7th"));
    Ok(found.await?.len())
}

fn missing(what: &'static str) -> Error {
    Error::abort(std::io::Error::other(format!("{what} was not found")))
}
