//! What the tables say, in sentences that are made of them.

use std::fmt::Write as _;

use super::{Report, Row};
use crate::{
    measure::{Took, short, three_digits},
    systems::System,
};

/// Where SmarterBase in a folder stands in one operation.
struct Standing<'a> {
    row: &'a Row,
    own: Took,
    fastest: (System, Took),
}

pub(super) fn write(report: &Report, out: &mut String) {
    let mut standings: Vec<_> = report
        .rows
        .iter()
        .filter_map(|row| standing(report, row))
        .collect();
    standings.sort_by(|one, other| ratio(other).total_cmp(&ratio(one)));
    let (wins, losses): (Vec<_>, Vec<_>) = standings
        .into_iter()
        .partition(|standing| standing.fastest.0 == System::Folder);
    write_losses(&losses, out);
    write_unanswered(report, out);
    write_wins(&wins, out);
    write_local(report, out);
    write_distance(report, out);
    write_limits(out);
}

fn standing<'a>(report: &Report, row: &'a Row) -> Option<Standing<'a>> {
    let own = row.of(&report.systems, System::Folder)?;
    Some(Standing {
        row,
        own,
        fastest: row.fastest(&report.systems)?,
    })
}

fn ratio(standing: &Standing<'_>) -> f64 {
    standing.own.over(standing.fastest.1)
}

fn write_losses(losses: &[Standing<'_>], out: &mut String) {
    let _ = writeln!(out, "## Where SmarterBase in a folder loses, and why\n");
    for standing in losses {
        let (system, took) = standing.fastest;
        let _ = writeln!(
            out,
            "- **{}**: {} times {} ({} against {}). {}",
            standing.row.operation.name(),
            three_digits(ratio(standing)),
            system.name(),
            short(standing.own.median),
            short(took.median),
            standing.row.operation.reason(),
        );
    }
    if losses.is_empty() {
        let _ = writeln!(out, "In no operation of this run.");
    }
}

/// What it was not even asked for is a loss too.
fn write_unanswered(report: &Report, out: &mut String) {
    for row in &report.rows {
        let is_missing =
            report.has(System::Folder) && row.of(&report.systems, System::Folder).is_none();
        if is_missing {
            let _ = writeln!(
                out,
                "- **{}**: not answered. {}",
                row.operation.name(),
                row.operation.reason()
            );
        }
    }
    out.push('\n');
}

fn write_wins(wins: &[Standing<'_>], out: &mut String) {
    if wins.is_empty() {
        let _ = writeln!(out, "It is the fastest in no operation of this run.\n");
        return;
    }
    let names: Vec<_> = wins
        .iter()
        .map(|standing| standing.row.operation.name())
        .collect();
    let _ = writeln!(out, "It is the fastest in: {}.\n", names.join("; "));
}

/// What one file for the indexes changes.
fn write_local(report: &Report, out: &mut String) {
    let pairs = report.rows.iter().filter_map(|row| {
        let local = short(row.of(&report.systems, System::Local)?.median);
        let name = row.operation.name();
        Some(match row.of(&report.systems, System::Folder) {
            Some(objects) => format!("{name} {local} instead of {}", short(objects.median)),
            None => format!("{name} {local}"),
        })
    });
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "## With the local index\n\n\
         The same folder with `index=local`, which one process at a time has to itself: {}.\n",
        pairs.join("; "),
    );
}

fn write_distance(report: &Report, out: &mut String) {
    let near_and_far = report.rows.iter().filter_map(|row| {
        let near = row.of(&report.systems, System::S3)?;
        let far = row.of(&report.systems, System::S3Far)?;
        Some(format!(
            "{} {} and {}",
            row.operation.name(),
            short(near.median),
            short(far.median)
        ))
    });
    let pairs: Vec<_> = near_and_far.collect();
    if pairs.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "## On S3 and Redis\n\n\
         Near (0 ms) and far (10 ms GET, 20 ms PUT): {}. What the distance adds is the waiting of requests that follow on one another; \
         those side by side, 32 of an operation, wait together. The other systems have no such column: a database behind the same network \
         would pay its own round trips, and one in the process pays none. The near column has a server and Redis on the same \
         cores, and no disk: its writes are faster than durable ones can be.\n",
        pairs.join("; "),
    );
}

fn write_limits(out: &mut String) {
    let _ = writeln!(
        out,
        "## What this does not measure\n\n\
         Many callers at once, updates, deletes, transactions, memory, the size on disk, cold caches, recovery, and any real object store. All data \
         fits into memory, and the documents are small. Whoever needs the shortest times on one machine should take the system whose \
         figures are bold.\n"
    );
}
