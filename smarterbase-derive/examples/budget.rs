//! Measures what the derive costs: `cargo run -p smarterbase-derive --example budget`.
//!
//! Generates a crate of 200 documents with 8 fields and 3 indexes each, and the same crate without the derive, checks both
//! with `cargo check`, and prints the difference for one document. The budget is 12 ms.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures wall time and prints it"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const DOCUMENTS: usize = 200;
const ROUNDS: usize = 3;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
        .to_owned();
    let folder = root.join("target/derive-budget");
    let with = measure(&root, &folder, "with", true);
    let without = measure(&root, &folder, "without", false);
    let each = with.saturating_sub(without).as_secs_f64() * 1000.0 / DOCUMENTS as f64;
    println!(
        "{DOCUMENTS} documents: {with:.2?} with the derive, {without:.2?} without: {each:.1} ms per document (budget 12 ms)"
    );
}

/// The fastest of several checks of one crate.
fn measure(root: &Path, folder: &Path, name: &str, derived: bool) -> Duration {
    let package = folder.join(name);
    fs::create_dir_all(package.join("src")).expect("the target folder can be written");
    fs::write(package.join("Cargo.toml"), manifest(root, name))
        .expect("the manifest can be written");
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).expect("the lock can be copied");
    let source = package.join("src/lib.rs");
    fs::write(&source, documents(derived)).expect("the source can be written");
    check(&package, folder);
    (0..ROUNDS)
        .map(|round| again(&package, folder, &source, round))
        .min()
        .expect("there is a round")
}

fn again(package: &Path, folder: &Path, source: &PathBuf, round: usize) -> Duration {
    let mut text = fs::read_to_string(source).expect("the source can be read");
    writeln!(text, "// {round}").expect("text can be appended");
    fs::write(source, text).expect("the source can be written");
    let start = Instant::now();
    check(package, folder);
    start.elapsed()
}

fn check(package: &Path, folder: &Path) {
    let status = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["check", "--quiet", "--offline"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the generated crate compiles");
}

fn manifest(root: &Path, name: &str) -> String {
    let root = root.display();
    format!(
        "[package]\nname = \"budget-{name}\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         smarterbase = {{ path = \"{root}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    )
}

fn documents(derived: bool) -> String {
    let attribute = |text: &'static str| if derived { text } else { "" };
    let derive = attribute(", Document");
    let (key, unique, index) = (
        attribute("#[key(auto)] "),
        attribute("#[unique(lower)] "),
        attribute("#[index] "),
    );
    let (range, created, updated) = (
        attribute("#[index(range)] "),
        attribute("#[field(created_at)] "),
        attribute("#[field(updated_at)] "),
    );
    let mut text = String::from("#![allow(unused_imports)]\nuse smarterbase::prelude::*;\n");
    for number in 0..DOCUMENTS {
        writeln!(
            text,
            "#[derive(Serialize, Deserialize{derive})]\npub struct User{number} {{ {key}pub id: Id<User{number}>, \
             {unique}pub email: String, {index}pub org_id: Option<String>, {range}pub age: u32, pub name: String, \
             pub note: Option<String>, {created}pub created_at: Timestamp, {updated}pub updated_at: Timestamp }}"
        )
        .expect("text can be appended");
    }
    text
}
