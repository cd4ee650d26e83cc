//! The command line.

/// A shop: stock, orders that move through their states, and buyers who race for the last items.
#[derive(Debug, clap::Parser)]
pub(crate) struct Options {
    /// An empty store: `memory:`, a folder, or with the features `s3://bucket/prefix?redis=…`
    #[arg(long, default_value = "memory:")]
    pub(crate) url: String,
    /// How many customers want one of the last items at the same time
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) buyers: u32,
    /// Only checks the documents that an earlier run left in the store
    #[arg(long)]
    pub(crate) check: bool,
}
