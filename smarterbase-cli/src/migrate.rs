//! `migrate`: upgrades of collections, by the user's own program.

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    blocks::{Look, Messages},
    chore::Chore,
};

/// Which database, and which of its collections.
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// The database, as `smarterbase::open` takes it
    #[arg(long, env = "SMARTERBASE_URL", hide_env_values = true)]
    url: String,
    /// Only this collection
    #[arg(long)]
    collection: Option<String>,
    /// What to hand on to cargo, as in `-- --features s3`
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// How an upgrade runs.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    database: Database,
    /// At most so many documents in a second
    #[arg(long)]
    per_second: Option<u32>,
    /// Refuses the writes of older programs first; deploy the new one everywhere before
    #[arg(long)]
    raise_floor: bool,
    /// Goes on behind the checkpoint of an earlier run: `users=0199c7f5-…`
    #[arg(long, value_name = "COLLECTION=CHECKPOINT")]
    after: Vec<String>,
}

impl Database {
    /// Asks the program for `what`.
    pub(crate) fn ask(&self, what: &str) -> anyhow::Result<String> {
        self.have(Chore::new(what))
    }

    pub(crate) fn have(&self, chore: Chore) -> anyhow::Result<String> {
        if self.url.contains('\n') {
            bail!("a URL is one line");
        }
        let look = Look {
            arguments: &self.cargo,
            messages: Messages::Shown,
            deny_drafts: false,
        };
        let found = look.run()?;
        if !found.compiles {
            bail!("the crates do not compile, so nothing was done");
        }
        if found.lists.is_empty() {
            bail!(
                "no crate lists its documents\n  help: add `smarterbase::schema! {{ pub App {{ .. }} }}` with your documents"
            );
        }
        let collection = self.collection.as_deref().unwrap_or_default();
        let chore = chore.with("url", &self.url).with("only", collection);
        let answer = chore.run(&found.lists, &self.cargo)?;
        match (answer.is_empty(), &self.collection) {
            (true, Some(name)) => bail!("no `schema!` lists the collection `{name}`"),
            _ => Ok(answer),
        }
    }
}

impl Run {
    /// Upgrades.
    pub(crate) fn run(&self) -> anyhow::Result<String> {
        let mut chore = Chore::new("run");
        if let Some(documents) = self.per_second {
            chore = chore.with("per_second", &documents.to_string());
        }
        if self.raise_floor {
            chore = chore.with("raise_floor", "yes");
        }
        for after in &self.after {
            let (collection, checkpoint) = after
                .split_once('=')
                .context("`--after` is `<collection>=<checkpoint>`")?;
            chore = chore.with(&format!("after.{collection}"), checkpoint);
        }
        self.database.have(chore)
    }
}
