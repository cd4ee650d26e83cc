//! The command line.

use std::path::PathBuf;

/// Where a catalogue is kept when nobody says otherwise.
pub(crate) const DEFAULT_URL: &str = "./data/schema_migrations";

/// Upgrades a product catalogue of four versions while an older and a newer program work on it, then checks every product.
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
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// An empty store: a folder, or an object store. The default folder is removed and made anew
    #[arg(long, default_value = DEFAULT_URL)]
    pub(crate) url: String,
    /// How many products are made of each file of the catalogue
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) copies: u32,
    /// Decides what the newer program's writers choose; the timing stays free
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many products the upgrade writes in a second, at the most
    #[arg(long, default_value_t = 100)]
    pub(crate) per_second: u32,
    /// Keeps the journal in this file, for `schema_migrations check`
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// The older program, built. Without it cargo builds it
    #[arg(long)]
    pub(crate) old: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) enough: Enough,
}

/// How much must have happened for a run to prove something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct Enough {
    /// Writes of the older program before the deploy
    #[arg(long = "min-served", default_value_t = Self::DEFAULT.served)]
    pub(crate) served: usize,
    /// Refusals that the older program got after the upgrade
    #[arg(long = "min-refused", default_value_t = Self::DEFAULT.refused)]
    pub(crate) refused: usize,
    /// Writes of the newer program
    #[arg(long = "min-writes", default_value_t = Self::DEFAULT.writes)]
    pub(crate) writes: usize,
    /// Products that the upgrade itself wrote
    #[arg(long = "min-upgraded", default_value_t = Self::DEFAULT.upgraded)]
    pub(crate) upgraded: usize,
    /// Saves of products that were upgraded while they were held
    #[arg(long = "min-held", default_value_t = Self::DEFAULT.held)]
    pub(crate) held: usize,
}

impl Enough {
    pub(crate) const DEFAULT: Self = Self {
        served: 20,
        refused: 20,
        writes: 100,
        upgraded: 60,
        held: 8,
    };
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
