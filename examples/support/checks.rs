//! What a run must have shown. Each check is a line of the output, and one that fails makes the program fail.

use std::{fmt::Debug, process::ExitCode};

/// The checks of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    passed: usize,
    failed: usize,
}

#[allow(dead_code, reason = "not every example makes every kind of check")]
impl Checks {
    pub(crate) fn holds(&mut self, what: &str, holds: bool) {
        self.note(what, holds, "it does not");
    }

    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        let difference = format!("found {found:?}, expected {expected:?}");
        self.note(what, found == expected, &difference);
    }

    /// For what must happen for the run to prove anything.
    pub(crate) fn at_least(&mut self, what: &str, happened: usize, needed: usize) {
        let weak = format!("too weak: {happened}, {needed} are needed");
        self.note(&format!("{what}: {happened}"), happened >= needed, &weak);
    }

    pub(crate) fn at_most(&mut self, what: &str, happened: u64, allowed: u64) {
        let more = format!("only {allowed} are allowed");
        self.note(&format!("{what}: {happened}"), happened <= allowed, &more);
    }

    fn note(&mut self, what: &str, holds: bool, otherwise: &str) {
        if holds {
            self.passed += 1;
            println!("  ok      {what}");
        } else {
            self.failed += 1;
            println!("  FAILED  {what}: {otherwise}");
        }
    }

    fn end(&self) -> ExitCode {
        let Self { passed, failed } = self;
        println!();
        match (failed, passed) {
            (0, 1..) => {
                println!("all {passed} checks passed");
                ExitCode::SUCCESS
            }
            (0, 0) => {
                println!("nothing was checked");
                ExitCode::FAILURE
            }
            _ => {
                println!("{failed} of {} checks failed", passed + failed);
                ExitCode::FAILURE
            }
        }
    }
}

/// The exit code of a run; an error is one line on standard error.
pub(crate) fn exit_code(ran: anyhow::Result<Checks>) -> ExitCode {
    match ran {
        Ok(checks) => checks.end(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
