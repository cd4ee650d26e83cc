//! What the queries cost: the profiler's summary, the full scan by name, and what one query does.

use std::time::Duration;

use smarterbase::{
    prelude::*,
    profile::{Access, Prices, QuerySummary},
};

use crate::{
    checks::Checks,
    model::{ARTICLES, AUTHORS, Article},
    workload::{self, ROUNDS},
};

/// From here on a query is slow.
const SLOW: Duration = Duration::from_millis(10);

/// Asks the workload's questions, and prints what the profiler saw.
pub(crate) async fn of_a_workload(db: &Db, checks: &mut Checks) -> anyhow::Result<()> {
    println!("\nthe profile of {} queries", 3 * ROUNDS + 1);
    db.profiler().clear();
    workload::ask(db).await?;
    let summary = db.profiler().summary();
    print(&summary);
    let slow = db.profiler().slow(SLOW).len();
    println!("  {slow} of them took {SLOW:?} or longer");
    check(&summary, checks);
    scans(db, checks);
    let recent = format!("{:?}", db.profiler().recent());
    let tells_no_value = AUTHORS.iter().all(|author| !recent.contains(author));
    checks.holds("the profiler keeps no value of a field", tells_no_value);
    explain(db, checks).await?;
    Ok(())
}

fn print(summary: &[QuerySummary]) {
    println!(
        "  {:6} {:10} {:16} {:>7} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "query",
        "collection",
        "access",
        "queries",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "requests",
        "US$ per 10^6"
    );
    for kind in summary {
        let [p50, p95, p99] = [kind.p50, kind.p95, kind.p99].map(|time| time.as_secs_f64() * 1e3);
        println!(
            "  {:6} {:10} {:16} {:>7} {p50:>8.2} {p95:>8.2} {p99:>8.2} {:>8} {:>12.2}",
            kind.operation,
            kind.collection,
            format!("{:?}", kind.access),
            kind.queries,
            kind.requests,
            per_million(kind),
        );
    }
}

/// What a million queries of this kind cost by the list price of S3.
#[allow(
    clippy::cast_precision_loss,
    reason = "the profiler keeps 1,000 queries"
)]
fn per_million(kind: &QuerySummary) -> f64 {
    kind.price / kind.queries as f64 * 1e6
}

fn check(summary: &[QuerySummary], checks: &mut Checks) {
    let rounds = ROUNDS as usize;
    let queries = |access| {
        let kinds = summary.iter().filter(|kind| kind.access == access);
        kinds.map(|kind| kind.queries).sum::<usize>()
    };
    checks.equal(
        "so many queries by a unique value",
        queries(Access::UniqueValue),
        rounds,
    );
    checks.equal(
        "… in the order of an index",
        queries(Access::IndexOrder),
        rounds,
    );
    checks.equal(
        "… sorted from what an index finds",
        queries(Access::IndexCandidates),
        rounds,
    );
    checks.equal("… by reading everything", queries(Access::Scan), 1);
    let is_ordered = |kind: &QuerySummary| kind.p50 <= kind.p95 && kind.p95 <= kind.p99;
    checks.holds("percentiles are in order", summary.iter().all(is_ordered));
    let dearest = summary
        .iter()
        .max_by(|one, other| per_million(one).total_cmp(&per_million(other)));
    let dearest = dearest.map(|kind| kind.access);
    checks.equal("the full scan is the dearest", dearest, Some(Access::Scan));
}

/// The full scan that the workload made must be named: collection, condition, and that it read every document.
fn scans(db: &Db, checks: &mut Checks) {
    println!("\nfull scans");
    let scans = db.profiler().full_scans();
    for scan in &scans {
        println!(
            "  {} of {}: {} ({}); {} read, {} of them in vain, US$ {:.2} per 10^6",
            scan.operation,
            scan.collection,
            scan.condition,
            scan.plan,
            scan.candidates,
            scan.dropped,
            scan.price * 1e6,
        );
    }
    checks.equal("one full scan was made", scans.len(), 1);
    let Some(scan) = scans.first() else { return };
    let names_it = scan.collection == "articles" && scan.condition.contains("title");
    checks.holds("the report names the one that was made", names_it);
    checks.equal(
        "it read every article",
        scan.candidates,
        u64::from(ARTICLES),
    );
    let price = Prices::default().of(&scan.requests);
    checks.holds(
        "its price is that of its requests",
        (scan.price - price).abs() < 1e-12,
    );
    checks.holds("no index was missed: it was asked for", !scan.fell_back);
}

/// The same question with a condition that an index answers, explained.
async fn explain(db: &Db, checks: &mut Checks) -> smarterbase::Result<()> {
    println!("\nthe same question about one author, explained");
    let narrow = Article::query(db)
        .filter(|article| article.author.eq(AUTHORS[3]) & article.title.contains_text("7th"))
        .explain()
        .await?;
    let (found, profile) = (narrow.result.len(), &narrow.profile);
    println!("  plan         {}", profile.plan);
    println!(
        "  complexity   grows with {}",
        format!("{:?}", profile.complexity).to_lowercase()
    );
    println!(
        "  requests     {} GET, {} LIST",
        profile.requests.gets, profile.requests.lists
    );
    println!(
        "  documents    {} looked at, {} dropped, {found} found",
        profile.candidates, profile.dropped
    );
    println!("  price        US$ {:.2} per 10^6", profile.price * 1e6);
    checks.holds(
        "an index finds the candidates",
        profile.plan.contains("by-author-words"),
    );
    let scanned = workload::by_title(db).await?;
    checks.holds(
        "fewer than the scan finds, but some",
        (1..scanned).contains(&found),
    );
    checks.at_most(
        "documents looked at",
        profile.candidates,
        u64::from(ARTICLES) / 4,
    );
    Ok(())
}
