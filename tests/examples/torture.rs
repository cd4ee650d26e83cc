//! `torture`, in short. The full run is `cargo run --example torture`.

use std::path::{Path, PathBuf};

use super::program::{Ran, example, run};

/// Thresholds for five seconds of four processes on a busy machine.
const ENOUGH: [&str; 8] = [
    "--min-writes",
    "100",
    "--min-kills",
    "3",
    "--min-conflicts",
    "5",
    "--min-lost-races",
    "1",
];

/// A finished run: its folder, its store and its journal.
struct Tortured {
    folder: tempfile::TempDir,
}

impl Tortured {
    fn new() -> Self {
        let tortured = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let ran = run(example("torture")
            .args(["--processes", "4", "--seconds", "5"])
            .args(ENOUGH)
            .arg("--url")
            .arg(tortured.store())
            .arg("--journal")
            .arg(tortured.journal()));
        assert!(ran.stdout.contains("changed thresholds"), "{}", ran.stdout);
        assert!(ran.succeeded().stdout.contains("every promise was kept"));
        tortured
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Checks the store once more.
    fn check(&self) -> Ran {
        run(example("torture")
            .arg("check")
            .arg("--url")
            .arg(self.store())
            .arg("--journal")
            .arg(self.journal()))
    }

    fn is_broken(&self, text: &str) {
        let ran = self.check();
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        let broken = ran.stdout.lines().filter(|line| line.starts_with("BROKEN"));
        assert!(
            broken.clone().any(|line| line.contains(text)),
            "{text}: {}",
            ran.stdout
        );
    }

    /// A live document, with its text.
    fn document(&self) -> (PathBuf, String) {
        let live = |path: &PathBuf| read(path).contains(r#""nickname":"nickname"#);
        let path = files(&self.store().join("players"))
            .into_iter()
            .find(live)
            .expect("somebody has a nickname");
        let text = read(&path);
        (path, text)
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The checker must see each kind of damage, or its silence means nothing.
#[test]
fn processes_that_are_killed_keep_every_promise_and_the_checker_sees_damage() {
    let tortured = Tortured::new();
    assert_eq!(tortured.check().code, Some(0));
    let (path, text) = tortured.document();
    let slot = path.file_stem().unwrap().to_str().unwrap();

    let entries = files(&tortured.store().join("_index/players"));
    let entries: Vec<_> = entries
        .iter()
        .filter(|entry| entry.to_str().unwrap().contains(slot))
        .collect();
    for entry in &entries {
        std::fs::remove_file(entry).unwrap();
    }
    tortured.is_broken("the query for team-");
    for entry in &entries {
        std::fs::create_dir_all(entry.parent().unwrap()).unwrap();
        std::fs::write(entry, "").unwrap();
    }
    assert_eq!(tortured.check().code, Some(0));

    let twin = other_holder(&tortured, &path);
    let (mine, theirs) = (nickname(&text), read(&twin));
    std::fs::write(&twin, theirs.replace(&nickname(&theirs), &mine)).unwrap();
    tortured.is_broken(&format!("{mine} has several holders"));
    std::fs::write(&twin, &theirs).unwrap();

    let mark = text
        .split(r#""trail":[""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    std::fs::write(&path, text.replace(&format!("\"{mark}\""), "\"9.9.9.9\"")).unwrap();
    tortured.is_broken("which nobody wrote");

    // Last, since queries then clear away what a removed document leaves behind.
    std::fs::remove_file(&path).unwrap();
    tortured.is_broken(&format!("{slot}: revision"));
}

fn other_holder(tortured: &Tortured, not: &Path) -> PathBuf {
    let holders = files(&tortured.store().join("players"));
    let mut others = holders.into_iter().filter(|path| path != not);
    others
        .find(|path| read(path).contains(r#""nickname":"nickname"#))
        .expect("two have nicknames")
}

fn nickname(text: &str) -> String {
    text.split(r#""nickname":""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn a_run_that_proves_too_little_fails() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(example("torture")
        .args(["--processes", "1", "--seconds", "1", "--url"])
        .arg(folder.path()));
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("too weak: 1 kills, 10 are needed"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_store_that_holds_players_is_not_tortured() {
    let folder = tempfile::tempdir().unwrap();
    let once = || {
        run(example("torture")
            .args(["--processes", "2", "--seconds", "1", "--url"])
            .arg(folder.path()))
    };
    once();
    once().failed_with("torture an empty store");
}

#[cfg(all(feature = "s3", feature = "redis"))]
#[test]
fn redis_may_lose_everything_and_serves_queries_again() {
    let ran = run(example("torture")
        .args(["--s3-redis", "--processes", "3", "--seconds", "12"])
        .args(ENOUGH))
    .succeeded();
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
    for what in ["Redis flushed", "Redis restarted", "served by Redis again"] {
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(what))
            .expect(what);
        let times: u64 = line.split_whitespace().last().unwrap().parse().unwrap();
        assert!(times > 0, "{line}");
    }
}
