//! The command line.

/// What a program in production does about failures, races, missing indexes and costs.
#[derive(Debug, clap::Parser)]
pub(crate) struct Options {
    /// An empty store: `memory:`, a folder, or with the features `s3://bucket/prefix?redis=…`
    #[arg(long, default_value = "memory:")]
    pub(crate) url: String,
    /// Decides which requests fail
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many of 1,000 requests fail while payments are made
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(0..=500))]
    pub(crate) faults: u64,
    /// Also builds the missing indexes and asks again; it takes 7 s, most of it waiting
    #[arg(long)]
    pub(crate) rebuild: bool,
}
