//! Every message of the derives, word for word, and programs that must compile.
//!
//! `tests/ui/README.md` says how the expected texts are made.

use std::{io::Write, process::Command};

/// The compiler that the `.stderr` files were made with: its own words change between releases.
const COMPILER: &str = "rustc 1.95.0 ";

/// The locks of the programs: they are built in a folder of trybuild's, far from this one.
const LOCKS: (&str, &str) = (
    "SMARTERBASE_SCHEMA_DIR",
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/schema"),
);

#[test]
fn messages_say_what_to_write_and_programs_compile() {
    if std::env::var_os(LOCKS.0).is_none() {
        return run_again_with_locks();
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    let compiler = compiler();
    if compiler.starts_with(COMPILER) {
        cases.compile_fail("tests/ui/[!p]*/*.rs");
    } else {
        announce(&compiler);
    }
}

/// A process cannot change its own environment safely, so the test runs once more in a child that has the folder.
fn run_again_with_locks() {
    let itself = std::env::current_exe().expect("a program knows where it is");
    let status = Command::new(itself)
        .args(std::env::args_os().skip(1))
        .arg("--nocapture")
        .env(LOCKS.0, LOCKS.1)
        .status()
        .expect("it runs again");
    assert!(status.success(), "the cases failed: see above");
}

fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs");
    String::from_utf8(output.stdout).expect("a version is text")
}

/// Written past the test harness, which would keep the output of a passing test to itself.
fn announce(compiler: &str) {
    let compiler = compiler.trim();
    let text = format!(
        "\n!!! THE MESSAGES OF THE DERIVES WERE NOT COMPARED: this is {compiler}, and tests/ui/**/*.stderr were made with \
         {COMPILER}!!!\n\n"
    );
    std::io::stderr()
        .write_all(text.as_bytes())
        .expect("standard error is open");
}
