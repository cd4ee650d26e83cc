//! `bank`, in short. The full run is `cargo run --example bank`.

use std::path::{Path, PathBuf};

use super::program::{Ran, example, run};

/// Thresholds for a quarter of the standard run's time on a busy machine.
const ENOUGH: [&str; 8] = [
    "--min-transfers",
    "60",
    "--min-kills",
    "10",
    "--min-conflicts",
    "4",
    "--min-snapshots",
    "0",
];

/// A finished run: its folder, its store and its journal.
struct Bank {
    folder: tempfile::TempDir,
}

impl Bank {
    fn new() -> Self {
        let bank = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let ran = run(example("bank")
            .args(["--processes", "4", "--seconds", "6"])
            .args(ENOUGH)
            .arg("--url")
            .arg(bank.store())
            .arg("--journal")
            .arg(bank.journal()));
        assert!(ran.stdout.contains("changed thresholds"), "{}", ran.stdout);
        assert!(ran.succeeded().stdout.contains("every promise was kept"));
        bank
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Audits the bank once more.
    fn check(&self) -> Ran {
        run(example("bank")
            .arg("check")
            .arg("--url")
            .arg(self.store())
            .arg("--journal")
            .arg(self.journal()))
    }

    fn is_broken(&self, text: &str) {
        let ran = self.check();
        assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
        let mut broken = ran.stdout.lines().filter(|line| line.starts_with("BROKEN"));
        assert!(
            broken.any(|line| line.contains(text)),
            "{text}: {}",
            ran.stdout
        );
    }

    /// The first file in a folder of the store whose text holds `text`.
    fn document(&self, collection: &str, text: &str) -> PathBuf {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.store().join(collection))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        let mut matching = files.into_iter().filter(|file| read(file).contains(text));
        matching
            .next()
            .unwrap_or_else(|| panic!("no object of {collection} holds {text}"))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Changes a file while `judge` looks at the store, and puts it back.
fn while_changed(path: &Path, from: &str, to: &str, judge: impl FnOnce()) {
    let text = read(path);
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    judge();
    std::fs::write(path, text).unwrap();
}

/// What stands between two texts for the first time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_once(after).unwrap().0
}

/// The checker must see each kind of damage, or its silence means nothing.
#[test]
fn transfers_of_killed_processes_are_whole_and_the_checker_sees_damage() {
    let bank = Bank::new();
    let checked = bank.check();
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);

    // Money is made, and then a transfer tells something else than its accounts.
    let account = bank.document("accounts", r#""state":"live""#);
    let balance = between(&read(&account), r#""balance":"#, ",").to_owned();
    let (from, to) = (format!(r#""balance":{balance},"#), r#""balance":1000000,"#);
    while_changed(&account, &from, to, || {
        bank.is_broken("all accounts hold");
    });
    let transfer = bank.document("transfers", r#""state":"live""#);
    let amount = between(&read(&transfer), r#""amount":"#, "}").to_owned();
    let (from, to) = (format!(r#""amount":{amount}}}"#), r#""amount":123456}"#);
    while_changed(&transfer, &from, to, || bank.is_broken("but booked is"));

    // An acknowledged transfer is lost, and a refused one is there.
    let mark = transfer.file_stem().unwrap().to_str().unwrap().to_owned();
    let told = format!(r#"{{"end":{{"mark":"{mark}","outcome":"applied""#);
    let refused = told.replace(r#""applied""#, r#"{"refused":{"code":"SB-ABORTED"}}"#);
    while_changed(&bank.journal(), &told, &refused, || {
        bank.is_broken(&format!("{mark} "));
    });
    let kept = read(&transfer);
    std::fs::remove_file(&transfer).unwrap();
    bank.is_broken(&format!("{mark} "));
    std::fs::write(&transfer, kept).unwrap();

    let checked = bank.check();
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
}

/// The first and the last order of one account were seconds apart, so that they cannot change places.
#[test]
fn the_checker_sees_events_that_have_no_order() {
    let bank = Bank::new();
    let accounts = std::fs::read_dir(bank.store().join("accounts")).unwrap();
    let paths = accounts.map(|account| account.unwrap().path());
    let account = paths.max_by_key(|path| marks(&read(path)).len()).unwrap();
    let text = read(&account);
    let marks = marks(&text);
    let [_opened, first, .., last] = &marks[..] else {
        panic!("nobody has a history: {text}");
    };
    let (first, last) = (quoted(first), quoted(last));
    let swapped = text
        .replace(&first, r#""?""#)
        .replace(&last, &first)
        .replace(r#""?""#, &last);
    std::fs::write(&account, swapped).unwrap();
    bank.is_broken("there is no order of events");
}

fn quoted(mark: &str) -> String {
    format!(r#""{mark}""#)
}

/// The marks of an account's trail.
fn marks(text: &str) -> Vec<String> {
    let entries = text.split(r#"{"mark":""#).skip(1);
    entries
        .map(|entry| entry.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_run_that_proves_too_little_fails() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(example("bank")
        .args(["--processes", "1", "--seconds", "2"])
        .args(["--min-transfers", "100000", "--url"])
        .arg(folder.path()));
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("too weak: "), "{}", ran.stdout);
}

#[test]
fn a_store_that_holds_a_bank_gets_no_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let once = || {
        run(example("bank")
            .args(["--processes", "1", "--seconds", "1", "--url"])
            .arg(folder.path()))
    };
    once();
    once().failed_with("found one in an empty store");
}

#[cfg(feature = "s3")]
#[test]
fn transfers_over_connections_to_s3_that_break_are_whole() {
    let ran = run(example("bank")
        .args(["--s3", "--processes", "4", "--seconds", "8"])
        .args(ENOUGH))
    .succeeded();
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
    let harmed = ran.stdout.lines().find(|line| line.contains("harmed"));
    let harmed = harmed.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok());
    assert!(harmed > Some(10), "{}", ran.stdout);
}
