//! The commands of `smarterbase` and `cargo smarterbase`.

mod blocks;
mod check;
mod difference;
mod folder;
mod seal;
mod show;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Seals, checks and shows the schema locks of a package.
#[derive(Debug, Parser)]
#[command(name = "smarterbase", bin_name = "cargo smarterbase", version)]
struct Arguments {
    /// The folder of the locks
    #[arg(long, global = true, default_value = "schema")]
    schema_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Seals the drafts of the crates that are compiled: their shapes become versions that never change
    Seal {
        /// The types to seal, by their stored names; all drafts when none is given
        types: Vec<String>,
        /// Instead, writes a new seal on locks that were edited on purpose; review them afterwards
        #[arg(long)]
        repair: bool,
        /// What to hand on to `cargo check`, as in `-- --all-targets`
        #[arg(last = true)]
        cargo: Vec<String>,
    },
    /// Checks that every lock can be read and has its seal, and that the crates fit to them
    Check {
        /// Drafts are errors too
        #[arg(long)]
        deny_drafts: bool,
        /// What to hand on to `cargo check`
        #[arg(last = true)]
        cargo: Vec<String>,
    },
    /// Shows locks
    #[command(subcommand)]
    Schema(Schema),
}

#[derive(Debug, Subcommand)]
enum Schema {
    /// Shows the last sealed version of each type, or of one
    Show {
        /// The stored name of the type
        name: Option<String>,
    },
    /// Shows what changed between two sealed versions of a type
    Diff {
        /// The stored name of the type
        name: String,
        /// The older version; the one before the newer by default
        #[arg(long)]
        from: Option<u32>,
        /// The newer version; the last one by default
        #[arg(long)]
        to: Option<u32>,
    },
}

/// Runs the tool. What it finds out goes to standard output, what went wrong to standard error.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let Arguments {
        schema_dir,
        command,
    } = Arguments::parse_from(arguments);
    let done = match command {
        Command::Seal {
            types,
            repair: true,
            ..
        } => seal::repair(&schema_dir, &types),
        Command::Seal { types, cargo, .. } => seal::seal(&types, &cargo),
        Command::Check { deny_drafts, cargo } => check::check(&schema_dir, deny_drafts, &cargo),
        Command::Schema(Schema::Show { name }) => show::show(&schema_dir, name.as_deref()),
        Command::Schema(Schema::Diff { name, from, to }) => {
            difference::show(&schema_dir, &name, from, to)
        }
    };
    match done {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "the answer of a command line tool")]
fn say(text: &str) {
    print!("{text}");
}
