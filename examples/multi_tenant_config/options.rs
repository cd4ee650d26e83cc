//! The command line.

/// Settings with defaults, and tenants who override them.
#[derive(Debug, clap::Parser)]
pub(crate) struct Options {
    /// An empty store: `memory:`, a folder, or with the features `s3://bucket/prefix?redis=…`
    #[arg(long, default_value = "memory:")]
    pub(crate) url: String,
    /// How many tenants there are
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=150))]
    pub(crate) tenants: u32,
    /// How many people set the same new override at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rivals: u32,
}
