//! Queries without an index: a folder that another program filled with plain JSON. The same queries give the same answers;
//! they read everything for it, within a budget, and the profiler says so.

use std::path::Path;

use smarterbase::{
    prelude::*,
    profile::{Access, Explained},
};

use crate::{
    checks::Checks,
    model::{ARTICLES, AUTHORS, Article, Status, article},
};

/// Which articles the query finds: those of the second author that are published.
const FOUND: usize = 30;

pub(crate) async fn without_indexes(rebuild: bool, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\na folder of JSON files from somewhere else, without any index");
    let folder = tempfile::tempdir()?;
    let url = folder
        .path()
        .to_str()
        .expect("a temporary folder has a plain name");
    // A rebuild waits for writes of others that are on their way, 60 s unless the database says otherwise.
    let db = smarterbase::open(format!("{url}?in_flight_seconds=2")).await?;
    db.close().await;
    write_files(folder.path())?;

    let db = smarterbase::open(format!("{url}?read_only=true")).await?;
    let scanned = of_one_author(&db).await?;
    print_costs(&scanned);
    checks.equal("the answer is right", right_ones(&scanned.result), FOUND);
    checks.equal("… by a scan", scanned.profile.access, Access::Scan);
    checks.equal(
        "… and the profiler has it among the fallbacks",
        db.profiler().fallbacks().len(),
        1,
    );
    let small = Article::query(&db).filter(|article| article.status.eq(Status::Draft));
    let refused = small.budget(50).await.err();
    checks.equal(
        "a smaller budget refuses it",
        refused.as_ref().map(Error::code),
        Some("SB-BUDGET"),
    );
    let refused = Article::delete(&db, &article(0).id).await.err();
    checks.equal(
        "nothing is written here",
        refused.as_ref().map(Error::code),
        Some("SB-READ-ONLY"),
    );
    db.close().await;

    if rebuild {
        with_indexes(url, &scanned, checks).await?;
    } else {
        println!("  (`--rebuild` builds the indexes and asks again)");
    }
    Ok(())
}

/// Builds what is missing while the program could go on, and asks again.
async fn with_indexes(
    url: &str,
    scanned: &Explained<Vec<Stored<Article>>>,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let db = smarterbase::open(url).await?;
    let report = db.rebuild_indexes::<Article>().await?;
    println!(
        "  built {} over {} files",
        report.built.join(", "),
        report.documents
    );
    let indexed = of_one_author(&db).await?;
    print_costs(&indexed);
    let ids = |explained: &Explained<Vec<Stored<Article>>>| {
        let found = explained.result.iter();
        found.map(|article| article.id.clone()).collect::<Vec<_>>()
    };
    checks.equal(
        "an index gives the same answer",
        ids(&indexed),
        ids(scanned),
    );
    checks.holds("… and does not fall back", !indexed.profile.fell_back);
    let (before, now) = (
        scanned.profile.requests.total(),
        indexed.profile.requests.total(),
    );
    checks.at_most("… with fewer requests", now, before / 2);
    db.close().await;
    Ok(())
}

/// The files as anybody could have written them: without a word of bookkeeping.
fn write_files(folder: &Path) -> anyhow::Result<()> {
    let collection = folder.join("articles");
    std::fs::create_dir_all(&collection)?;
    for number in 0..ARTICLES {
        let article = article(number);
        let file = collection.join(format!("{}.json", article.id));
        std::fs::write(file, serde_json::to_vec_pretty(&article)?)?;
    }
    Ok(())
}

async fn of_one_author(db: &Db) -> smarterbase::Result<Explained<Vec<Stored<Article>>>> {
    let published = Article::query(db)
        .filter(|article| article.author.eq(AUTHORS[1]) & article.status.eq(Status::Published));
    published.explain().await
}

fn right_ones(found: &[Stored<Article>]) -> usize {
    let is_right = |article: &&Stored<Article>| {
        article.author == AUTHORS[1] && article.status == Status::Published
    };
    found.iter().filter(is_right).count()
}

fn print_costs(explained: &Explained<Vec<Stored<Article>>>) {
    let profile = &explained.profile;
    let fell_back = if profile.fell_back {
        ", since no index is ready"
    } else {
        ""
    };
    println!(
        "  {} found by {}{fell_back}: {} requests, {} looked at",
        explained.result.len(),
        profile.plan,
        profile.requests.total(),
        profile.candidates,
    );
}
