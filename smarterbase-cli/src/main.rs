//! `smarterbase`: the command line tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    smarterbase_cli::run(std::env::args_os())
}
