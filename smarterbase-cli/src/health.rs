//! `health` and `verify`: how a database is, by the user's own program.

use clap::Args;

use crate::{chore::Chore, migrate::Database};

/// How a verification runs.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    database: Database,
    /// Puts right what is found
    #[arg(long)]
    repair: bool,
    /// Reads at most so many documents in a second
    #[arg(long)]
    per_second: Option<u32>,
}

impl Verify {
    /// Compares.
    pub(crate) fn run(&self) -> anyhow::Result<String> {
        let mut chore = Chore::new("verify");
        if self.repair {
            chore = chore.with("repair", "yes");
        }
        if let Some(documents) = self.per_second {
            chore = chore.with("per_second", &documents.to_string());
        }
        self.database.have(chore)
    }
}
