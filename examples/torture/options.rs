//! The command line.

use std::path::PathBuf;

/// Tortures a store with processes that are killed, then checks every promise.
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
    /// How long they run
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// Decides what workers choose and who is killed; the processes' timing stays free
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// An empty store. The default folder is removed and made anew
    #[arg(long, default_value = DEFAULT_URL)]
    pub(crate) url: String,
    /// Keeps the journal in this file, for `torture check`
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// Runs on an S3 server and a Redis that it starts itself, and takes Redis's contents away meanwhile
    #[arg(long, conflicts_with = "url")]
    pub(crate) s3_redis: bool,
    /// Starts a Redis beside `--url`
    #[arg(long, hide = true)]
    pub(crate) own_redis: bool,
    #[command(flatten)]
    pub(crate) enough: Enough,
}

/// How much must have happened for a run to prove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct Enough {
    /// Acknowledged writes that a run needs
    #[arg(long = "min-writes", default_value_t = Self::DEFAULT.writes)]
    pub(crate) writes: u64,
    /// Killed processes that a run needs
    #[arg(long = "min-kills", default_value_t = Self::DEFAULT.kills)]
    pub(crate) kills: u64,
    /// Writes refused because the revision moved on that a run needs
    #[arg(long = "min-conflicts", default_value_t = Self::DEFAULT.conflicts)]
    pub(crate) conflicts: u64,
    /// Claims that were refused although the value was free just before that a run needs
    #[arg(long = "min-lost-races", default_value_t = Self::DEFAULT.lost_races)]
    pub(crate) lost_races: u64,
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
    pub(crate) number: u32,
    /// How many processes had this number before
    #[arg(long)]
    pub(crate) incarnation: u32,
}

pub(crate) const DEFAULT_URL: &str = "./data/torture";

impl Enough {
    pub(crate) const DEFAULT: Self = Self {
        writes: 2_000,
        kills: 10,
        conflicts: 50,
        lost_races: 20,
    };
}

impl RunOptions {
    /// The URL without its query, which may hold a password.
    pub(crate) fn shown_url(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}
