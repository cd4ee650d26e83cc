//! The command line.

/// The accounts of an application: registered once each, changed by several people at once, found, left and deleted.
#[derive(Debug, clap::Parser)]
pub(crate) struct Options {
    /// An empty store: `memory:`, a folder, or with the features `s3://bucket/prefix?redis=…`
    #[arg(long, default_value = "memory:")]
    pub(crate) url: String,
    /// How many people register
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(20..=500))]
    pub(crate) people: u32,
    /// How often each of them does, in different spellings of one address and at the same time
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3))]
    pub(crate) spellings: u32,
}
