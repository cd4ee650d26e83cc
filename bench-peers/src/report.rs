//! The run as Markdown: what was measured, on what, the tables, and what they say. The sentences that hold figures are made of
//! the figures.

mod reading;

use std::{fmt::Write as _, time::Duration};

use crate::{
    measure::{Cell, Took, short, three_digits},
    operation::{BATCH, Operation},
    systems::System,
};

/// Everything that one run found out.
pub(crate) struct Report {
    pub(crate) command: String,
    pub(crate) documents: usize,
    pub(crate) document_bytes: usize,
    pub(crate) machine: Vec<String>,
    pub(crate) load_after: String,
    pub(crate) servers: Vec<String>,
    pub(crate) systems: Vec<Described>,
    pub(crate) rows: Vec<Row>,
    /// One block to the disk, over another and at the end of a file; before and after everything else.
    pub(crate) disk: [[Took; 2]; 2],
    /// How many answers were compared before anything was timed.
    pub(crate) compared: usize,
    pub(crate) took: Duration,
}

/// One system, as it says itself.
pub(crate) struct Described {
    pub(crate) system: System,
    pub(crate) version: String,
    pub(crate) settings: String,
    pub(crate) loaded: Duration,
    /// What a reader must know, for all operations.
    pub(crate) remarks: Vec<(Operation, &'static str)>,
}

/// One operation, a cell for each system.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// The fastest system and what it took; of writes, the fastest durable one.
    fn fastest(&self, systems: &[Described]) -> Option<(System, Took)> {
        let counts = |system: System| system.is_durable() || !self.operation.writes();
        let measured = systems
            .iter()
            .zip(&self.cells)
            .filter(|(system, _)| counts(system.system))
            .filter_map(|(system, cell)| Some((system.system, cell.took()?)));
        measured.min_by_key(|(_, took)| took.median)
    }

    fn of(&self, systems: &[Described], wanted: System) -> Option<Took> {
        let number = systems.iter().position(|system| system.system == wanted)?;
        self.cells[number].took()
    }
}

impl Report {
    /// The whole page.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        self.introduction(&mut out);
        self.setting(&mut out);
        self.medians(&mut out);
        self.spread(&mut out);
        self.ratios(&mut out);
        reading::write(self, &mut out);
        self.remarks(&mut out);
        out
    }

    fn has(&self, wanted: System) -> bool {
        self.systems.iter().any(|system| system.system == wanted)
    }

    fn introduction(&self, out: &mut String) {
        let _ = write!(
            out,
            "# Beside other databases\n\n```text\n{}\n```\n\n\
             The same {} documents, about {} bytes of JSON each, with the same questions and the same durability, in SmarterBase, SQLite, \
             PostgreSQL, `toasty` and `native_db`. This page is the output of that command; [bench-peers](../bench-peers/README.md) says how to run it \
             and what is held equal. Every system answered with the same documents, compared field by field in {} answers before anything was \
             timed and again afterwards.\n\n\
             ![Median time of each operation and system, on a logarithmic scale](benchmarks.svg)\n\n",
            self.command,
            thousands(self.documents),
            self.document_bytes,
            self.compared,
        );
    }

    fn setting(&self, out: &mut String) {
        let [[over, grown], [over_after, grown_after]] = self.disk;
        let _ = write!(
            out,
            "**Machine.** {}, {} after it. Compare the columns of one run, never figures of two.\n\n\
             **Disk.** 4 KiB over a block of an open file, with `fdatasync`: {} before the run, {} after it. 4 KiB at the end of a file, with \
             `fsync`: {} and {} (median, quartiles). A durable write waits for one of the two at least once; where these differ a lot, \
             so do writes that are otherwise alike.\n\n\
             **One caller**, one question at a time. Every system has its turn in every round, in an order that changes; the tables are of all \
             rounds. The fastest is bold; where something is written, the fastest of those that are durable. The run took {} s.\n\n",
            self.machine.join(", "),
            self.load_after,
            quartiles(over),
            quartiles(over_after),
            quartiles(grown),
            quartiles(grown_after),
            self.took.as_secs(),
        );
        let _ = writeln!(
            out,
            "| System | Versions | Durability, as it says itself | Loading |\n|---|---|---|---:|"
        );
        for system in &self.systems {
            // Near and far have one store.
            let is_shared = system.system == System::S3Far && self.has(System::S3);
            let loaded = if is_shared {
                "shared".into()
            } else {
                short(system.loaded)
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {loaded} |",
                system.system.name(),
                system.version,
                system.settings
            );
        }
        let _ = write!(
            out,
            "\nServers on loopback: {}. S3 is the in-memory server of our own test kit, on loopback, reached over a socket with signed \
             requests; its time is part of the figures, and it keeps nothing on a disk. In the column `10/20 ms` each HTTP request waits before it is \
             sent, 10 ms for GET and LIST, 20 ms for PUT and DELETE; Redis stays on loopback. The folder was loaded without fsync, \
             brought to the disk by `sync`, and opened again with fsync before anything was timed; loading is no comparison.\n\n",
            self.servers.join("; "),
        );
    }

    fn medians(&self, out: &mut String) {
        self.table(out, "Medians", |row, cell| match cell.took() {
            Some(took)
                if Some(took.median) == row.fastest(&self.systems).map(|(_, took)| took.median) =>
            {
                format!("**{}**", short(took.median))
            }
            Some(took) => short(took.median),
            None => "n/a".into(),
        });
    }

    fn spread(&self, out: &mut String) {
        self.table(
            out,
            "Spread: lower and upper quartile, and the number of answers",
            |_, cell| {
                cell.took().map_or("n/a".into(), |took| {
                    format!(
                        "{} – {} ({})",
                        short(took.lower),
                        short(took.upper),
                        took.runs
                    )
                })
            },
        );
    }

    fn ratios(&self, out: &mut String) {
        self.table(out, "Times the fastest", |row, cell| {
            ratio(cell, row.fastest(&self.systems).map(|(_, took)| took))
        });
        self.table(out, "Times SmarterBase in a folder", |row, cell| {
            ratio(cell, row.of(&self.systems, System::Folder))
        });
    }

    fn table(&self, out: &mut String, title: &str, cell: impl Fn(&Row, Cell) -> String) {
        let names: Vec<_> = self
            .systems
            .iter()
            .map(|system| system.system.name())
            .collect();
        let _ = writeln!(out, "## {title}\n\n| Operation | {} |", names.join(" | "));
        let _ = writeln!(out, "|---|{}", "---:|".repeat(names.len()));
        for row in &self.rows {
            let cells: Vec<_> = row.cells.iter().map(|one| cell(row, *one)).collect();
            let _ = writeln!(out, "| {} | {} |", row.operation.name(), cells.join(" | "));
        }
        out.push('\n');
    }

    fn remarks(&self, out: &mut String) {
        let _ = writeln!(out, "## How each system does it\n");
        let mut said = Vec::new();
        for remark in self.systems.iter().flat_map(|system| &system.remarks) {
            if !said.contains(&remark) {
                said.push(remark);
                let (operation, text) = remark;
                let _ = writeln!(out, "- *{}.* {text}", operation.name());
            }
        }
        let _ = writeln!(
            out,
            "- SQLite, PostgreSQL and toasty keep typed columns, and the tags as JSON text or as an array; native_db keeps bincode. The \
             id is an integer everywhere.\n\
             - SQLite and PostgreSQL create the {BATCH} in one transaction with a prepared statement; PostgreSQL's are sent without waiting \
             for each reply.\n\
             - A create's id comes from the program; nobody makes one.",
        );
    }
}

fn quartiles(took: Took) -> String {
    format!(
        "{} ({} – {})",
        short(took.median),
        short(took.lower),
        short(took.upper)
    )
}

fn ratio(cell: Cell, of: Option<Took>) -> String {
    match (cell.took(), of) {
        (Some(took), Some(of)) => three_digits(took.over(of)),
        _ => "n/a".into(),
    }
}

/// With commas between the thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let texts: Vec<_> = groups.map(|group| String::from_utf8_lossy(group)).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_durable_is_no_fastest_writer() {
        let systems = [System::Sqlite, System::S3].map(|system| Described {
            system,
            version: String::new(),
            settings: String::new(),
            loaded: Duration::ZERO,
            remarks: Vec::new(),
        });
        let fastest = |operation| {
            let cells = [5, 1].map(|took| Cell::Took(Took::of(vec![Duration::from_millis(took)])));
            let row = Row {
                operation,
                cells: cells.to_vec(),
            };
            row.fastest(&systems).map(|(system, _)| system)
        };
        assert_eq!(fastest(Operation::Create), Some(System::Sqlite));
        assert_eq!(fastest(Operation::Get), Some(System::S3));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [7, 400, 20_000, 1_234_567].map(thousands),
            ["7", "400", "20,000", "1,234,567"]
        );
    }
}
