//! What is printed, and whether it proves anything.

use std::{collections::BTreeMap, fmt::Display, process::ExitCode, time::Duration};

use crate::{
    audit::Findings,
    journal::{Journal, Phase, Program, Said},
    options::{Enough, RunOptions},
    report::Line,
};

/// How many broken promises are printed; a real fault breaks hundreds.
const SHOWN: usize = 20;

pub(crate) fn begin(options: &RunOptions) {
    println!(
        "seed {}, {} products of each file, {}",
        options.seed, options.copies, options.url
    );
    if options.enough != Enough::DEFAULT {
        println!(
            "changed thresholds: {:?} instead of {:?}",
            options.enough,
            Enough::DEFAULT
        );
    }
    println!("  time    v0    v1    v2    v3");
}

/// A line of the time line. Versions are counted as the catalogue does.
pub(crate) fn moment(elapsed: Duration, what: &str, versions: &BTreeMap<u32, usize>) {
    let number = |schema: u32| versions.get(&schema).copied().unwrap_or_default();
    println!(
        "{:4.1} s {:5} {:5} {:5} {:5}  {}",
        elapsed.as_secs_f64(),
        number(1),
        number(2),
        number(3),
        number(4),
        if what.is_empty() { "…" } else { what }
    );
}

/// Prints what a run did and proved.
pub(crate) fn end(options: &RunOptions, journal: &Journal, findings: &Findings) -> ExitCode {
    programs(journal);
    let checked = self::findings(findings);
    let missing = missing(&options.enough, journal);
    for text in &missing {
        println!("too weak: {text}");
    }
    if missing.is_empty() {
        checked
    } else {
        ExitCode::FAILURE
    }
}

/// What is counted, of which program, and what belongs to it.
type Row = (&'static str, Program, fn(&Said) -> bool);

fn programs(journal: &Journal) {
    println!();
    println!("                                    before  deploy   after");
    let rows: [Row; 7] = [
        ("older program: reads", Program::Old, is_read),
        ("older program: writes", Program::Old, is_write),
        ("older program: refusals", Program::Old, Said::is_refusal),
        ("newer program: reads", Program::New, is_read),
        ("newer program: writes", Program::New, is_write),
        ("newer program: refusals", Program::New, Said::is_refusal),
        ("newer program: lost races", Program::New, is_lost_race),
    ];
    for (what, by, is_meant) in rows {
        let [before, deploy, after] = [Phase::Before, Phase::Deploy, Phase::After]
            .map(|phase| journal.count(by, phase, is_meant));
        println!("{what:34}{before:8}{deploy:8}{after:8}");
    }
    println!();
    line("products that the upgrade wrote", journal.upgraded);
    line("saves of products upgraded meanwhile", journal.held);
    line("looks through the store", journal.looks);
}

fn is_read(said: &Said) -> bool {
    matches!(said.line, Line::Read(_) | Line::Found { .. })
}

fn is_write(said: &Said) -> bool {
    said.write().is_some()
}

fn is_lost_race(said: &Said) -> bool {
    matches!(said.line, Line::Refused { .. }) && !said.is_refusal()
}

/// Prints what the checks saw, and whether every promise was kept.
pub(crate) fn findings(findings: &Findings) -> ExitCode {
    println!();
    line("products, all of today's version", findings.products);
    line("members as they were written", findings.members);
    line("revisions accounted for", findings.revisions);
    line("answers that were right or due", findings.answers);
    line(
        "definitions that find what they should",
        findings.definitions,
    );
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
fn missing(enough: &Enough, journal: &Journal) -> Vec<String> {
    let old = |phase, is_meant| journal.count(Program::Old, phase, is_meant);
    let new = |phase| journal.count(Program::New, phase, is_write);
    let rows = [
        (
            "writes of the older program before the deploy",
            old(Phase::Before, is_write),
            enough.served,
        ),
        (
            "refusals of the older program after the upgrade",
            old(Phase::After, Said::is_refusal),
            enough.refused,
        ),
        (
            "writes of the newer program",
            new(Phase::Deploy) + new(Phase::After),
            enough.writes,
        ),
        ("upgraded products", journal.upgraded, enough.upgraded),
        (
            "saves of products that were upgraded meanwhile",
            journal.held,
            enough.held,
        ),
    ];
    let short = rows
        .into_iter()
        .filter(|(_, happened, wanted)| happened < wanted);
    short
        .map(|(what, happened, wanted)| format!("{happened} {what}, {wanted} are needed"))
        .collect()
}

fn line(what: &str, count: impl Display) {
    println!("{what:48} {count:>8}");
}
