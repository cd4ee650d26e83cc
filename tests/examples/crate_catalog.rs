//! `crate_catalog` on this workspace.

use std::path::Path;

use super::program::{Ran, example, run};

fn catalog(url: &str) -> Ran {
    run(example("crate_catalog").args(["--url", url]))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// The numbers of a line such as `packages      335 new, 0 changed, 0 unchanged, 0 gone`.
fn tally(ran: &Ran, what: &str) -> [u64; 4] {
    let line = ran.stderr.lines().find(|line| line.starts_with(what));
    let line = line.unwrap_or_else(|| panic!("no line about {what}: {}", ran.stderr));
    let numbers = line.split([' ', ',']).filter_map(|word| word.parse().ok());
    let numbers: Vec<u64> = numbers.collect();
    numbers.try_into().expect("four numbers")
}

#[test]
fn a_second_run_stores_nothing_and_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = catalog(text(folder.path())).succeeded();
    let [new, changed, unchanged, gone] = tally(&first, "packages");
    assert!(
        new > 200,
        "this workspace has hundreds of packages, not {new}"
    );
    assert_eq!([changed, unchanged, gone], [0, 0, 0]);
    let [edges, ..] = tally(&first, "dependencies");
    assert!(edges > 500, "{edges}");
    assert!(
        first
            .stdout
            .starts_with(&format!("{new} packages, {edges} dependencies\n"))
    );

    let second = catalog(text(folder.path())).succeeded();
    assert_eq!(tally(&second, "packages"), [0, 0, new, 0]);
    assert_eq!(tally(&second, "dependencies"), [0, 0, edges, 0]);
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(files(&folder.path().join("packages")), new);
    assert_eq!(files(&folder.path().join("dependencies")), edges);
}

fn files(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().count() as u64
}

#[test]
fn the_answers_are_the_same_bytes_in_memory_and_hold_no_generated_id() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = catalog(text(folder.path())).succeeded();
    let in_memory = catalog("memory:").succeeded();
    assert_eq!(in_memory.stdout, on_disk.stdout);
    let packages = std::fs::read_dir(folder.path().join("packages")).unwrap();
    for package in packages {
        let name = package.unwrap().file_name().into_string().unwrap();
        let id = name.trim_end_matches(".json");
        assert!(!on_disk.stdout.contains(id), "{id}");
    }
}

#[cfg(all(feature = "s3", feature = "redis"))]
#[tokio::test]
async fn the_answers_are_the_same_bytes_on_s3_and_redis() {
    use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};

    let (s3, redis) = (
        S3Server::start().await.unwrap(),
        RedisServer::start(&[]).unwrap(),
    );
    let encoded = redis.url().replace(':', "%3A").replace('/', "%2F");
    let url = format!("{}&redis={encoded}", s3.url("catalog"));
    let on_services = || {
        run(example("crate_catalog")
            .args(["--url", &url])
            .envs(s3.credentials()))
        .succeeded()
    };

    let first = on_services();
    let [new, ..] = tally(&first, "packages");
    let second = on_services();
    assert_eq!(tally(&second, "packages"), [0, 0, new, 0]);
    let in_memory = catalog("memory:").succeeded();
    assert_eq!(first.stdout, in_memory.stdout);
    assert_eq!(second.stdout, in_memory.stdout);
}

#[test]
fn another_workspace_in_the_same_store_takes_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    make_package(&one, "alpha", "MIT");
    make_package(&other, "beta", "ISC");
    let run_on = |package: &Path| {
        let manifest = package.join("Cargo.toml");
        run(example("crate_catalog").args([
            "--url",
            text(&store),
            "--manifest-path",
            text(&manifest),
        ]))
        .succeeded()
    };
    assert_eq!(tally(&run_on(&one), "packages"), [1, 0, 0, 0]);
    make_package(&one, "alpha", "ISC");
    assert_eq!(tally(&run_on(&one), "packages"), [0, 1, 0, 0]);
    let ran = run_on(&other);
    assert_eq!(tally(&ran, "packages"), [1, 0, 0, 1]);
    assert!(ran.stdout.contains("    1  ISC\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("alpha"), "{}", ran.stdout);
}

fn make_package(folder: &Path, name: &str, license: &str) {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"{license}\"\n[workspace]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
}

#[test]
fn bad_arguments_get_one_line_and_a_failure() {
    let missing = run(example("crate_catalog").args([
        "--url",
        "memory:",
        "--manifest-path",
        "/nowhere/Cargo.toml",
    ]));
    missing.failed_with("does not exist");
    catalog("gopher://hole").failed_with("unknown scheme `gopher`");
    catalog("memory:?colour=blue").failed_with("unknown setting `colour`");
}
