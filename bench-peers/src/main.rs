//! SmarterBase beside other databases: the same documents, the same questions, the same durability. See the README.

mod article;
mod machine;
mod measure;
mod operation;
mod peer;
mod plot;
mod report;
mod servers;
mod systems;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, ValueEnum};

use crate::{
    article::Library,
    measure::{Effort, measure, now, short},
    report::{Described, Report, Row},
    systems::{Contestant, Servers, System},
};

/// How many documents are loaded at a time.
const LOADED_AT_ONCE: usize = 1_000;

/// Compares SmarterBase with other databases and prints a page of Markdown
#[derive(Debug, Parser)]
#[command(name = "bench-peers")]
struct Arguments {
    /// How many documents every system holds; 100,000 by default, 2,000 with --quick
    #[arg(long)]
    documents: Option<usize>,
    /// Few rounds, enough to see that everything runs
    #[arg(long)]
    quick: bool,
    /// Only this system; may be given several times
    #[arg(long)]
    only: Vec<System>,
    /// Writes docs/benchmarks.md and docs/benchmarks.svg instead of printing the page
    #[arg(long)]
    write: bool,
    /// The folder on the disk to measure; everything in it is removed at the end
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

impl Arguments {
    fn documents(&self) -> usize {
        let default = if self.quick { 2_000 } else { 100_000 };
        self.documents.unwrap_or(default)
    }

    fn systems(&self) -> Vec<System> {
        let all = System::value_variants().iter().copied();
        all.filter(|system| self.only.is_empty() || self.only.contains(system))
            .collect()
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("bench-peers-")
        .tempdir_in(&arguments.folder)?;
    let systems = arguments.systems();
    // Before the runtime: the servers live as long as this thread.
    let servers = Servers::start(&systems, &arguments.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let report = runtime.block_on(compare(arguments, &systems, &servers, folder.path()))?;
    publish(&report, arguments.write)
}

/// The whole comparison.
async fn compare(
    arguments: &Arguments,
    systems: &[System],
    servers: &Servers,
    folder: &Path,
) -> anyhow::Result<Report> {
    let start = now();
    let machine = machine::describe(folder);
    let disk_before = machine::disk(folder)?;
    let library = Library::new(arguments.documents())?;
    let (mut contestants, described) = prepare(systems, servers, &library, folder).await?;
    machine::sync()?;
    say("comparing answers");
    let compared = verify::same_answers(&mut contestants, &library).await?;
    let rows = measure_all(
        &mut contestants,
        &library,
        Effort {
            is_quick: arguments.quick,
        },
    )
    .await?;
    say("comparing answers again, and reading what was written");
    verify::kept_what_was_written(&mut contestants, &library).await?;
    for contestant in contestants {
        contestant.peer.close().await?;
    }
    Ok(Report {
        command: command(),
        documents: library.count(),
        document_bytes: serde_json::to_vec(&library.article(0))?.len(),
        machine,
        load_after: machine::load(),
        servers: servers.versions()?,
        systems: described,
        rows,
        disk: [disk_before, machine::disk(folder)?],
        compared,
        took: start.elapsed(),
    })
}

/// Opens and loads every system, one after the other.
async fn prepare(
    systems: &[System],
    servers: &Servers,
    library: &Library,
    folder: &Path,
) -> anyhow::Result<(Vec<Contestant>, Vec<Described>)> {
    let mut contestants = Vec::new();
    let mut described = Vec::new();
    for system in systems {
        let mut contestant = servers
            .open(*system, systems, folder)
            .await
            .with_context(|| system.name())?;
        let loaded = load(&mut contestant, library)
            .await
            .with_context(|| system.name())?;
        say(&format!("{}: loaded in {}", system.name(), short(loaded)));
        described.push(describe(&mut contestant, loaded).await?);
        contestants.push(contestant);
    }
    Ok((contestants, described))
}

async fn load(contestant: &mut Contestant, library: &Library) -> anyhow::Result<Duration> {
    let mut loaded = Duration::ZERO;
    for batch in library.batches(LOADED_AT_ONCE) {
        let start = now();
        contestant.peer.load(batch).await?;
        loaded += start.elapsed();
    }
    contestant.peer.settle().await?;
    Ok(loaded)
}

async fn describe(contestant: &mut Contestant, loaded: Duration) -> anyhow::Result<Described> {
    let peer = &mut contestant.peer;
    let remarks = operation::ALL.into_iter().flat_map(|operation| {
        let texts = [peer.remark(operation), peer.declines(operation)];
        texts
            .into_iter()
            .flatten()
            .map(move |text| (operation, text))
    });
    Ok(Described {
        system: contestant.system,
        version: peer.version(),
        remarks: remarks.collect(),
        settings: peer.settings().await?,
        loaded,
    })
}

async fn measure_all(
    contestants: &mut [Contestant],
    library: &Library,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for operation in operation::ALL {
        say(&operation.name());
        let cells = measure(operation, contestants, library, effort).await?;
        rows.push(Row { operation, cells });
    }
    Ok(rows)
}

/// As a person types it.
fn command() -> String {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let line = "cargo run --release --manifest-path bench-peers/Cargo.toml";
    if arguments.is_empty() {
        line.to_owned()
    } else {
        format!("{line} -- {}", arguments.join(" "))
    }
}

/// Prints the page, or writes it with its picture.
fn publish(report: &Report, write: bool) -> anyhow::Result<()> {
    if !write {
        print!("{}", report.markdown());
        return Ok(());
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::write(docs.join("benchmarks.md"), report.markdown())?;
    fs::write(docs.join("benchmarks.svg"), plot::svg(report))?;
    say("wrote docs/benchmarks.md and docs/benchmarks.svg");
    Ok(())
}

/// Tells the person in front of the screen; standard output is the page.
fn say(line: &str) {
    eprintln!("bench-peers: {line}");
}
