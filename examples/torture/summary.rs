//! What is printed.

use std::process::ExitCode;

use crate::{
    check::Findings,
    journal::{Action, Journal, Outcome},
    losses::Losses,
    options::{Enough, RunOptions},
};

/// How many broken promises are printed; a real fault breaks hundreds.
const SHOWN: usize = 20;

pub(crate) fn begin(options: &RunOptions) {
    println!(
        "seed {}, {} processes, {} s, {}",
        options.seed,
        options.processes,
        options.seconds,
        options.shown_url()
    );
    if options.enough != Enough::DEFAULT {
        println!(
            "changed thresholds: {:?} instead of {:?}",
            options.enough,
            Enough::DEFAULT
        );
    }
}

pub(crate) fn progress(second: u64, journal: &Journal) {
    let Journal {
        acknowledged,
        kills,
        conflicts,
        lost_races,
        ..
    } = journal;
    println!(
        "{second:4} s  {acknowledged:6} acknowledged {kills:4} kills {conflicts:5} conflicts {lost_races:5} lost races"
    );
}

/// Prints the table of a run, and whether it proved the promises.
pub(crate) fn end(
    options: &RunOptions,
    journal: &Journal,
    losses: &Losses,
    findings: &Findings,
) -> ExitCode {
    writes(journal);
    if losses.happened() {
        line("Redis flushed", losses.flushes);
        line("Redis restarted", losses.restarts);
        line("seen scanning after a loss", losses.scans_seen);
        line("served by Redis again", losses.served_again);
    }
    let checked = self::findings(findings);
    let missing = missing(&options.enough, journal, losses, findings);
    for text in &missing {
        println!("too weak: {text}");
    }
    if missing.is_empty() {
        checked
    } else {
        ExitCode::FAILURE
    }
}

fn writes(journal: &Journal) {
    println!();
    for action in [
        Action::Create,
        Action::Touch,
        Action::Save,
        Action::Claim,
        Action::Update,
        Action::Remove,
    ] {
        let count = journal
            .count(|operation| operation.intent.action == action && operation.revision().is_some());
        line(&format!("acknowledged: {action:?}"), count);
    }
    line("acknowledged", journal.acknowledged);
    line("refused: revision conflict", journal.conflicts);
    line("refused: lost race for a unique value", journal.lost_races);
    let is_late = |outcome: &Option<Outcome>| *outcome == Some(Outcome::Unique);
    let late =
        journal.count(|operation| is_late(&operation.outcome) && !operation.intent.looked_free);
    line("refused: unique value was held", late);
    let others =
        |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Exists | Outcome::Missing));
    line(
        "refused: exists or missing",
        journal.count(|operation| others(&operation.outcome)),
    );
    let unavailable =
        |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Unavailable { .. }));
    line(
        "unavailable",
        journal.count(|operation| unavailable(&operation.outcome)),
    );
    line(
        "without an answer",
        journal.count(|operation| operation.is_unknown()),
    );
    line("queries, all matching", journal.queries);
    line("reads without an answer", journal.unanswered);
    line("kills", journal.kills);
}

/// Prints what the checker saw, and whether every promise was kept.
pub(crate) fn findings(findings: &Findings) -> ExitCode {
    println!();
    line("live documents", findings.live);
    line("revisions accounted for", findings.revisions);
    line("unique values held, each by one", findings.holders);
    line(
        "unique values free, each taken and given back",
        findings.free,
    );
    line("queries checked against a list of all", findings.queries);
    line("… of these surely served by an index", findings.served);
    line("… documents found", findings.found);
    for broken in findings.broken.iter().take(SHOWN) {
        println!("BROKEN: {broken}");
    }
    match findings.broken.len() {
        0 => println!("every promise was kept"),
        number => println!("{number} promises were broken"),
    }
    if findings.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What did not happen often enough for the run to prove anything.
fn missing(
    enough: &Enough,
    journal: &Journal,
    losses: &Losses,
    findings: &Findings,
) -> Vec<String> {
    let rows = [
        ("acknowledged writes", journal.acknowledged, enough.writes),
        ("kills", journal.kills, enough.kills),
        ("conflicts", journal.conflicts, enough.conflicts),
        ("lost claim races", journal.lost_races, enough.lost_races),
        (
            "losses of Redis",
            losses.flushes + losses.restarts,
            losses.wanted,
        ),
        (
            "recoveries of Redis",
            losses.served_again,
            losses.flushes + losses.restarts,
        ),
        (
            "queries surely served by an index",
            findings.served as u64,
            findings.queries as u64 / 2,
        ),
    ];
    let short = rows
        .iter()
        .filter(|(_, happened, wanted)| happened < wanted);
    short
        .map(|(what, happened, wanted)| format!("{happened} {what}, {wanted} are needed"))
        .collect()
}

fn line(what: &str, count: impl std::fmt::Display) {
    println!("{what:48} {count:>6}");
}
