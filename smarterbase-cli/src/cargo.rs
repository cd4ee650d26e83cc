//! `cargo smarterbase`: the same tool, called by cargo, which puts its own name before the arguments.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "smarterbase") {
        arguments.remove(1);
    }
    smarterbase_cli::run(arguments)
}
