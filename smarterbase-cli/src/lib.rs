//! The commands of `smarterbase` and `cargo smarterbase`.

mod blocks;
mod bump;
mod check;
mod chore;
mod difference;
mod edit;
mod export;
mod folder;
mod health;
mod migrate;
mod seal;
mod show;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Seals, checks and shows the schema locks of a package, upgrades its collections, and checks its indexes.
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
    /// Writes the next version of a type, and the migration that leads to it, into its attribute
    Bump {
        /// The type, by its Rust or its stored name
        name: String,
        /// Answers every question with yes
        #[arg(long)]
        yes: bool,
        /// A part that has another name now
        #[arg(long, value_name = "OLD=NEW")]
        rename: Vec<String>,
        /// A part that is gone, and was not renamed
        #[arg(long, value_name = "OLD")]
        remove: Vec<String>,
        /// What to hand on to `cargo check`
        #[arg(last = true)]
        cargo: Vec<String>,
    },
    /// Checks that every lock can be read and has its seal, that the crates fit to them, and that golden fixtures are read
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
    /// Upgrades collections, by the program that `schema!` stands in
    #[command(subcommand)]
    Migrate(Migrate),
    /// Shows whether the store and Redis answer, and the state of every index; fails when one is not well
    Health(migrate::Database),
    /// Compares every index with its documents, in both directions, while others read and write; fails when they differ
    Verify(health::Verify),
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Counts what there is to do: one GET for each document, and nothing is written
    Plan(migrate::Database),
    /// Writes every document of an older version again, while others read and write
    Run(migrate::Run),
    /// Shows how far each collection is, and which versions it takes from writers
    Status(migrate::Database),
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
    /// Writes the last version of every type for other languages, or as a diagram
    Export {
        /// The format
        #[arg(long = "as")]
        format: export::Format,
        /// As the crates have them now, drafts too
        #[arg(long)]
        drafts: bool,
        /// What to hand on to `cargo check`
        #[arg(last = true)]
        cargo: Vec<String>,
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
        Command::Bump {
            name,
            yes,
            rename,
            remove,
            cargo,
        } => bump::Answers::new(yes, &rename, &remove)
            .and_then(|answers| bump::bump(&name, &answers, &cargo)),
        Command::Check { deny_drafts, cargo } => check::check(&schema_dir, deny_drafts, &cargo),
        Command::Schema(Schema::Show { name }) => show::show(&schema_dir, name.as_deref()),
        Command::Schema(Schema::Diff { name, from, to }) => {
            difference::show(&schema_dir, &name, from, to)
        }
        Command::Schema(Schema::Export {
            format,
            drafts,
            cargo,
        }) => export::export(&schema_dir, format, drafts, &cargo),
        Command::Migrate(Migrate::Plan(database)) => database.ask("plan"),
        Command::Migrate(Migrate::Status(database)) => database.ask("status"),
        Command::Migrate(Migrate::Run(run)) => run.run(),
        Command::Health(database) => database.ask("health"),
        Command::Verify(verify) => verify.run(),
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::Parser as _;

    use super::Arguments;

    #[test]
    fn every_command_of_the_guide_is_one_of_the_tool() {
        let chapter =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/guide/evolving_your_schema.md");
        let chapter = fs::read_to_string(chapter).unwrap();
        let commands: Vec<Vec<&str>> = chapter
            .lines()
            .filter(|line| line.starts_with("cargo smarterbase "))
            .map(|line| line.split('#').next().unwrap_or_default())
            .map(|line| line.split_whitespace().skip(1).collect())
            .collect();
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            if let Err(error) = Arguments::try_parse_from(&command) {
                panic!("{command:?}: {error}");
            }
        }
    }
}
