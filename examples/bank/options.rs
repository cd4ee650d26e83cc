//! The command line.

use std::path::PathBuf;

/// Moves money between accounts by processes that are killed, then proves that none was lost or made.
#[derive(Debug, clap::Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Checks a store again, by the journal that a run kept
    Check(CheckOptions),
    /// One of the processes that are killed
    #[command(hide = true)]
    Worker(WorkerOptions),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// How many worker processes run at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) processes: u32,
    /// How long they run. Shorter runs than 20 s need proportionally less to happen
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// Decides what workers choose, which requests fail and who is killed; the processes' timing stays free
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many of 1,000 requests of a worker meet a fault
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=500))]
    pub(crate) faults: u64,
    /// An empty store: a folder, or an object store. The default folder is removed and made anew
    #[arg(long, default_value = DEFAULT_URL)]
    pub(crate) url: String,
    /// Keeps the journal in this file, for `bank check`
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// Runs on an S3 server that it starts itself, over connections that break
    #[arg(long, conflicts_with = "url")]
    pub(crate) s3: bool,
    /// Where the workers reach the store of `--url`
    #[arg(long, hide = true)]
    pub(crate) worker_url: Option<String>,
    #[command(flatten)]
    pub(crate) enough: Enough,
}

/// How much must have happened for a run to prove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct Enough {
    /// Acknowledged transfers that 20 s need
    #[arg(long = "min-transfers", default_value_t = Self::DEFAULT.transfers)]
    pub(crate) transfers: u64,
    /// Killed processes that 20 s need
    #[arg(long = "min-kills", default_value_t = Self::DEFAULT.kills)]
    pub(crate) kills: u64,
    /// Attempts that others were faster than that 20 s need
    #[arg(long = "min-conflicts", default_value_t = Self::DEFAULT.conflicts)]
    pub(crate) conflicts: u64,
    /// Snapshots of every account that 20 s need
    #[arg(long = "min-snapshots", default_value_t = Self::DEFAULT.snapshots)]
    pub(crate) snapshots: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {
    /// The store
    #[arg(long)]
    pub(crate) url: String,
    /// The journal that `--journal` kept
    #[arg(long)]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WorkerOptions {
    #[arg(long)]
    pub(crate) url: String,
    #[arg(long)]
    pub(crate) seed: u64,
    #[arg(long)]
    pub(crate) faults: u64,
    #[arg(long)]
    pub(crate) number: u32,
    /// How many processes had this number before
    #[arg(long)]
    pub(crate) incarnation: u32,
}

pub(crate) const DEFAULT_URL: &str = "./data/bank";

impl Enough {
    pub(crate) const DEFAULT: Self = Self {
        transfers: 500,
        kills: 10,
        conflicts: 50,
        snapshots: 2,
    };
}

impl RunOptions {
    /// The URL without its query, which may hold a password.
    pub(crate) fn shown_url(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}
