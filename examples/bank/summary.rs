//! What is printed, and whether it proves anything.

use std::{collections::BTreeMap, fmt::Display, process::ExitCode};

use crate::{
    audit::Findings,
    journal::{Effort, Entered, Journal, Outcome},
    options::{Enough, RunOptions},
    orders::Kind,
};

/// How many broken promises are printed; a real fault breaks hundreds.
const SHOWN: usize = 20;
/// How long the run is that [`Enough`] speaks of.
const STANDARD_SECONDS: u64 = 20;

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
    println!(
        "{second:4} s  {:6} acknowledged {:4} kills {:5} conflicts {:5} snapshots {:5} faults",
        journal.acknowledged,
        journal.kills,
        journal.counts.conflicts,
        journal.looks.len(),
        journal.counts.faults,
    );
}

/// Prints what a run did and proved.
pub(crate) fn end(options: &RunOptions, journal: &Journal, findings: &Findings) -> ExitCode {
    orders(options, journal);
    counts(journal);
    let checked = self::findings(findings);
    let missing = missing(options, journal);
    for text in &missing {
        println!("too weak: {text}");
    }
    if missing.is_empty() {
        checked
    } else {
        ExitCode::FAILURE
    }
}

/// Prints what the network did in front of the run's own server.
#[cfg(feature = "s3")]
pub(crate) fn harmed(requests: usize, harmed: u64) {
    line("requests through the proxy", requests);
    line("… of these harmed, at the most", harmed);
}

fn orders(options: &RunOptions, journal: &Journal) {
    println!();
    println!("acknowledged                        number  p50 ms  p99 ms  max ms  attempts");
    let all: Vec<&Entered> = journal.orders.values().collect();
    for kind in Kind::ALL {
        let efforts = all.iter().filter(|entered| entered.order.kind == kind);
        efforts_line(
            &format!("{kind:?}"),
            efforts.copied().filter_map(effort).collect(),
        );
    }
    efforts_line("all orders", all.into_iter().filter_map(effort).collect());
    for (what, is_whole) in [
        ("snapshots of everything", true),
        ("snapshots of some", false),
    ] {
        let looks = journal
            .looks
            .iter()
            .filter(|(look, _)| look.is_whole == is_whole);
        efforts_line(what, looks.map(|(look, _)| look.effort).collect());
    }
    println!();
    line(
        "orders acknowledged per second",
        journal.acknowledged / options.seconds.max(1),
    );
}

fn effort(entered: &Entered) -> Option<Effort> {
    let answer = entered.answer.as_ref().filter(|_| entered.is_applied())?;
    Some(answer.effort)
}

fn efforts_line(what: &str, mut efforts: Vec<Effort>) {
    efforts.sort_by_key(|effort| effort.microseconds);
    let at = |per_cent: usize| {
        let place = efforts.len().saturating_sub(1) * per_cent / 100;
        efforts
            .get(place)
            .map_or(0, |effort| effort.microseconds / 1_000)
    };
    let attempts: u64 = efforts
        .iter()
        .map(|effort| u64::from(effort.attempts))
        .sum();
    println!(
        "{what:36}{:6}{:8}{:8}{:8}{attempts:10}",
        efforts.len(),
        at(50),
        at(99),
        at(100),
    );
}

fn counts(journal: &Journal) {
    for (code, number) in refused(journal) {
        line(&format!("refused: {code}"), number);
    }
    let unknown = journal
        .orders
        .values()
        .filter(|entered| entered.is_unknown());
    line("without an answer", unknown.count());
    line("snapshots without an answer", journal.unanswered);
    line(
        "conflicts (attempts that ran again)",
        journal.counts.conflicts,
    );
    line("… of these wounded by others", journal.counts.wounded);
    line("attempts that took locks first", journal.counts.escalated);
    line("requests to the store", journal.counts.requests);
    line("… of these met by a fault", journal.counts.faults);
    line("kills", journal.kills);
}

fn refused(journal: &Journal) -> BTreeMap<&str, u64> {
    let mut refused = BTreeMap::new();
    for entered in journal.orders.values() {
        if let Some(Outcome::Refused { code }) = entered.outcome() {
            *refused.entry(code.as_str()).or_default() += 1;
        }
    }
    refused
}

/// Prints what the checker saw, and whether every promise was kept.
pub(crate) fn findings(findings: &Findings) -> ExitCode {
    println!();
    line("accounts open", findings.accounts);
    line("accounts closed, histories kept", findings.closings);
    line(
        "revisions accounted for, each by one order",
        findings.revisions,
    );
    line("transfers, each in all its accounts", findings.transfers);
    line(
        "without an answer, and there entirely",
        findings.unknown_applied,
    );
    line("events that have one order", findings.events);
    line("… arrows between them", findings.arrows);
    line("intents cleared by a write", findings.remains.cleared);
    line("intents of aborted attempts left", findings.remains.aborted);
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

/// What did not happen often enough for the run to prove anything. A run that is shorter than the standard one must do
/// proportionally less.
fn missing(options: &RunOptions, journal: &Journal) -> Vec<String> {
    let (enough, seconds) = (&options.enough, options.seconds.min(STANDARD_SECONDS));
    let transfers = journal.orders.values();
    let transfers =
        transfers.filter(|entered| entered.is_applied() && entered.order.kind.leaves_transfer());
    let whole = journal.looks.iter().filter(|(look, _)| look.is_whole);
    let rows = [
        ("transfers", transfers.count() as u64, enough.transfers),
        ("kills", journal.kills, enough.kills),
        ("conflicts", journal.counts.conflicts, enough.conflicts),
        (
            "snapshots of everything",
            whole.count() as u64,
            enough.snapshots,
        ),
    ];
    let scaled =
        rows.map(|(what, happened, wanted)| (what, happened, wanted * seconds / STANDARD_SECONDS));
    let short = scaled
        .into_iter()
        .filter(|(_, happened, wanted)| happened < wanted);
    short
        .map(|(what, happened, wanted)| format!("{happened} {what}, {wanted} are needed"))
        .collect()
}

fn line(what: &str, count: impl Display) {
    println!("{what:48} {count:>8}");
}
