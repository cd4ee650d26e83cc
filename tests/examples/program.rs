//! An example as a process.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// The example `name`, to be given arguments and run in the workspace's folder.
pub(crate) fn example(name: &str) -> Command {
    let mut command = Command::new(built(name));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Next to this test's own folder, `target/<profile>/deps`.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("cargo's folders");
    let program = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not built; run `cargo build --examples` with the features of this test",
        program.display()
    );
    program
}

/// What a program wrote and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the example starts");
    Ran {
        code: status.code(),
        stdout: String::from_utf8(stdout).expect("text"),
        stderr: String::from_utf8(stderr).expect("text"),
    }
}

impl Ran {
    /// Standard output of a run that succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// One line that says what is wrong, and nothing else.
    pub(crate) fn failed_with(&self, text: &str) {
        assert_eq!(self.code, Some(1), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stderr.contains(text), "{}", self.stderr);
    }
}
