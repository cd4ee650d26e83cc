//! `schema_migrations`: a rolling deploy of two programs, and whether its checks see what is wrong.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::program::{Ran, built, example, run};

/// The newer program, which starts the older one.
fn deploy(url: &str) -> Command {
    let mut command = example("schema_migrations");
    command
        .arg("--old")
        .arg(built("schema_migrations_old"))
        .args(["--url", url]);
    command
}

/// A finished run: its folder, its store and its journal.
struct Deployed {
    folder: tempfile::TempDir,
    ran: Ran,
}

impl Deployed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let ran = run(deploy(store.to_str().unwrap())
            .arg("--journal")
            .arg(folder.path().join("journal")))
        .succeeded();
        Self { folder, ran }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Checks once more.
    fn check(&self) -> Ran {
        run(example("schema_migrations")
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

    /// A product that nobody changed but the upgrade.
    fn product(&self, number: u8) -> PathBuf {
        let name = format!("0199c7f5-5f0a-7e2b-9c1d-0003000000{number:02}.json");
        self.store().join("products").join(name)
    }

    /// Changes a product while the checks are expected to say `text`.
    fn is_seen(&self, number: u8, from: &str, to: &str, text: &str) {
        let path = self.product(number);
        let whole = std::fs::read_to_string(&path).unwrap();
        assert!(whole.contains(from), "{from} is not in {whole}");
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        self.is_broken(text);
        std::fs::write(&path, whole).unwrap();
    }

    /// Changes the journal while the checks are expected to say `text`.
    fn is_told(&self, change: impl FnOnce(&mut Value), text: &str) {
        let whole = std::fs::read(self.journal()).unwrap();
        let mut journal = serde_json::from_slice(&whole).unwrap();
        change(&mut journal);
        std::fs::write(self.journal(), journal.to_string()).unwrap();
        self.is_broken(text);
        std::fs::write(self.journal(), whole).unwrap();
    }
}

/// The three numbers of a line such as `older program: writes    23   70   0`: before, in and after the deploy.
fn row(ran: &Ran, what: &str) -> [u64; 3] {
    let line = ran.stdout.lines().find(|line| line.starts_with(what));
    let line = line.unwrap_or_else(|| panic!("no line about {what}: {}", ran.stdout));
    let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    numbers
        .collect::<Vec<_>>()
        .try_into()
        .expect("three numbers")
}

/// The checks must see each kind of damage, or their silence means nothing.
#[test]
fn a_catalogue_of_four_versions_is_upgraded_under_two_programs_and_damage_is_seen() {
    let deployed = Deployed::new();
    let ran = &deployed.ran;
    assert!(ran.stdout.contains("every promise was kept"));
    let [served, ..] = row(ran, "older program: writes");
    let [none, refused, refused_after] = row(ran, "older program: refusals");
    assert!(
        served >= 20 && refused > 0 && refused_after >= 20,
        "{}",
        ran.stdout
    );
    assert_eq!(none, 0, "before the deploy it is not too old");
    assert_eq!(row(ran, "newer program: refusals"), [0, 0, 0]);
    let checked = deployed.check();
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);

    fields_are_compared(&deployed);
    versions_are_compared(&deployed);
    answers_are_compared(&deployed);
    entries_are_compared(&deployed);
    what_is_gone_is_missed(&deployed);

    let checked = deployed.check();
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    the_older_program_is_refused(&deployed.store());
}

fn fields_are_compared(deployed: &Deployed) {
    let digits = r#""ean":40123456789012345678901"#;
    deployed.is_seen(2, digits, r#""ean":4.0123456789012345e22"#, "another `ean`");
    deployed.is_seen(3, r#""weight":0.10"#, r#""weight":0.1"#, "another `weight`");
    deployed.is_seen(3, r#","weight":0.10"#, "", "lost `weight`");
    deployed.is_seen(1, r#""cents":9999"#, r#""cents":9998"#, "another `cents`");
    deployed.is_seen(32, r#""fabric""#, r#""febric""#, "which nobody wrote");
}

fn versions_are_compared(deployed: &Deployed) {
    deployed.is_seen(
        1,
        r#""schema":4"#,
        r#""schema":3"#,
        "not of today's version",
    );
    // The upgrade of a product, seen at a lower version than what was there before.
    let falls = |journal: &mut Value| {
        let seen = journal["seen"].as_object_mut().unwrap();
        let revisions = seen
            .values_mut()
            .max_by_key(|seen| seen.as_object().unwrap().len());
        let revisions = revisions.unwrap().as_object_mut().unwrap();
        revisions.insert("1000000".to_owned(), 3.into());
    };
    deployed.is_told(falls, "version 3 over version 4");
}

fn answers_are_compared(deployed: &Deployed) {
    deployed.is_told(
        |journal| *said(journal, "read", "sku") = "another".into(),
        "read something else",
    );
    deployed.is_told(
        |journal| *said(journal, "found", "ids") = Value::Array(Vec::new()),
        "did not find exactly",
    );
    // An acknowledged write that is not there, and one that nobody acknowledged.
    deployed.is_told(
        |journal| *said(journal, "wrote", "revision") = 1_000_000.into(),
        "is lost",
    );
    let forgotten = |journal: &mut Value| {
        let id = said(journal, "wrote", "id").clone();
        let lines = journal["said"].as_array_mut().unwrap();
        let is_other = |said: &Value| said["line"]["wrote"]["id"] != id;
        lines.retain(is_other);
        // Two at least are missing then: one more than the upgrade may have written.
        journal["seen"][id.as_str().unwrap()] = serde_json::json!({"1": 3});
    };
    deployed.is_told(forgotten, "nobody says that they wrote");
}

/// A member of the first line of that kind.
fn said<'a>(journal: &'a mut Value, kind: &str, member: &str) -> &'a mut Value {
    let mut lines = journal["said"].as_array_mut().unwrap().iter_mut();
    let line = lines.find_map(|said| said["line"].get_mut(kind)).unwrap();
    &mut line[member]
}

fn entries_are_compared(deployed: &Deployed) {
    for index in ["brand-", "cents-", "status-"] {
        let entry = files(&deployed.store().join("_index/products"))
            .into_iter()
            .find(|path| path.to_str().unwrap().contains(&format!("/{index}")))
            .unwrap_or_else(|| panic!("no entry of {index}"));
        std::fs::remove_file(&entry).unwrap();
        deployed.is_broken(index);
        std::fs::write(&entry, "").unwrap();
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries
        .flat_map(|entry| below(entry.unwrap().path()))
        .collect()
}

fn what_is_gone_is_missed(deployed: &Deployed) {
    let path = deployed.product(11);
    let whole = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    deployed.is_broken("is gone");
    std::fs::write(&path, whole).unwrap();
}

/// Started once more after the deploy, it may do nothing at all.
fn the_older_program_is_refused(store: &Path) {
    let mut old = example("schema_migrations_old")
        .arg("--url")
        .arg(store)
        .arg("0199c7f5-5f0a-7e2b-9c1d-000300000001")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(old.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().take(40).map(Result::unwrap).collect();
    drop(old.stdin.take());
    old.wait().unwrap();
    for what in ["get", "update", "save", "find", "create"] {
        let refused =
            format!(r#"{{"refused":{{"what":"{what}","code":"SB-UNSUPPORTED-SCHEMA"}}}}"#);
        assert!(lines.contains(&refused), "{what}: {lines:?}");
    }
    let others = lines
        .iter()
        .filter(|line| !line.contains("SB-UNSUPPORTED-SCHEMA"));
    assert_eq!(others.count(), 0, "{lines:?}");
}

#[test]
fn a_run_in_which_too_little_happened_fails_and_a_store_that_is_not_empty_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let ran = run(deploy(store).args(["--copies", "2", "--min-upgraded", "100000"]));
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("too weak: "), "{}", ran.stdout);
    run(&mut deploy(store)).failed_with("begin with an empty store");
}

#[cfg(feature = "s3")]
#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_on_s3_is_upgraded_under_two_programs() {
    let s3 = smarterbase_testkit::server::s3::S3Server::start()
        .await
        .unwrap();
    let ran = run(deploy(&s3.url("catalogue"))
        .args(["--copies", "6", "--min-upgraded", "20", "--min-held", "4"])
        .args(["--min-writes", "20", "--min-refused", "5"])
        .envs(s3.credentials()))
    .succeeded();
    assert!(
        ran.stdout.contains("every promise was kept"),
        "{}",
        ran.stdout
    );
}
