//! Every message of the derives, word for word, and programs that must compile.
//!
//! `tests/ui/README.md` says how the expected texts are made.

use std::{io::Write, process::Command};

/// The compiler that the `.stderr` files were made with: its own words change between releases.
const COMPILER: &str = "rustc 1.95.0 ";

#[test]
fn messages_say_what_to_write_and_programs_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    let compiler = compiler();
    if compiler.starts_with(COMPILER) {
        cases.compile_fail("tests/ui/[!p]*/*.rs");
    } else {
        announce(&compiler);
    }
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
