//! The commands that need nothing but locks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use smarterbase_schema::{Form, Kind, Lock, Part, Sealed, Shape};

fn shape(parts: &[(&str, &str)]) -> Shape {
    Shape {
        key: Some("id".to_owned()),
        parts: parts
            .iter()
            .map(|(name, ty)| Part::new(*name, ty))
            .collect(),
        ..Shape::new(Form::Struct)
    }
}

fn users() -> Lock {
    let version = |version, parts: &[(&str, &str)], steps| Sealed {
        version,
        shape: shape(parts),
        steps,
        origins: Vec::new(),
    };
    Lock {
        kind: Kind::Document,
        name: "users".to_owned(),
        crate_name: "app".to_owned(),
        versions: vec![
            version(
                1,
                &[("id", "Id<User>"), ("name", "String"), ("home", "Address")],
                None,
            ),
            version(
                2,
                &[
                    ("id", "Id<User>"),
                    ("full_name", "String"),
                    ("home", "Vec<Address>"),
                ],
                Some(7),
            ),
        ],
    }
}

/// A folder with the lock of `users` and one of an embedded enum.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema");
    fs::create_dir_all(schema.join("embedded")).unwrap();
    fs::write(schema.join("users.toml"), users().write()).unwrap();
    let plan = Lock {
        kind: Kind::Embedded,
        name: "Plan".to_owned(),
        crate_name: "app".to_owned(),
        versions: vec![Sealed {
            version: 1,
            shape: Shape {
                parts: vec![Part::new("Free", "()"), Part::new("Team", "{seats: u32}")],
                ..Shape::new(Form::Enum)
            },
            steps: None,
            origins: Vec::new(),
        }],
    };
    fs::write(schema.join("embedded/Plan.toml"), plan.write()).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smarterbase"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn answer(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn show_prints_the_last_version_of_every_type() {
    let folder = folder();
    assert_eq!(
        answer(folder.path(), &["schema", "show"]),
        "embedded Plan version 1 (enum)\n  Free\n  Team: {seats: u32}\n\
         document users version 2 (struct)\n  id: Id<User>  # the key\n  full_name: String\n  home: Vec<Address>\n"
    );
    assert!(answer(folder.path(), &["schema", "show", "Plan"]).starts_with("embedded Plan"));
}

#[test]
fn diff_prints_what_a_version_changed() {
    let folder = folder();
    let expected = "users 1 => 2\n    + full_name: String\n    - name: String\n    ~ home: Address -> Vec<Address>\n";
    assert_eq!(
        answer(folder.path(), &["schema", "diff", "users"]),
        expected
    );
    let same = answer(
        folder.path(),
        &["schema", "diff", "users", "--from", "2", "--to", "2"],
    );
    assert_eq!(same, "users 2 => 2: stored alike\n");
}

#[test]
fn a_type_or_a_version_that_is_not_sealed_is_named() {
    let folder = folder();
    let text = complaint(folder.path(), &["schema", "show", "user"]);
    assert_eq!(text, "error: no lock in `schema` is called `user`\n");
    let text = complaint(folder.path(), &["schema", "diff", "users", "--to", "4"]);
    assert_eq!(text, "error: `users` has no sealed version 3\n");
}

#[test]
fn a_lock_that_was_edited_is_refused_until_it_is_repaired() {
    let folder = folder();
    let path = folder.path().join("schema/users.toml");
    let edited = fs::read_to_string(&path)
        .unwrap()
        .replace("Vec<Address>", "Option<Address>");
    fs::write(&path, edited).unwrap();
    let text = complaint(folder.path(), &["schema", "show"]);
    assert_eq!(text, "error: schema/users.toml: its seal does not match\n");
    let text = complaint(folder.path(), &["check"]);
    assert!(
        text.contains("schema/users.toml: its seal does not match"),
        "{text}"
    );

    let text = answer(folder.path(), &["seal", "--repair", "users"]);
    assert_eq!(
        text,
        "sealed schema/users.toml again as it stands; review it\n"
    );
    let lock = Lock::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(lock.versions[1].shape.parts[2].ty, "Option<Address>");
    assert_eq!(
        answer(folder.path(), &["seal", "--repair"]),
        "no lock needs a repair\n"
    );
    let text = complaint(folder.path(), &["seal", "--repair", "usres"]);
    assert_eq!(text, "error: no lock in `schema` is called `usres`\n");
}

#[test]
fn cargo_calls_the_same_tool() {
    let folder = folder();
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-smarterbase"))
        .args(["smarterbase", "schema", "show", "users"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("document users version 2")
    );
}

#[test]
fn a_repair_of_one_lock_does_not_look_at_the_others() {
    let folder = folder();
    let schema = folder.path().join("schema");
    fs::write(schema.join("broken.toml"), "<<<<<<< ours\n").unwrap();
    let path = schema.join("users.toml");
    let edited = fs::read_to_string(&path)
        .unwrap()
        .replace("# seal ", "# seal 0");
    fs::write(&path, edited).unwrap();
    let text = answer(folder.path(), &["seal", "--repair", "users"]);
    assert_eq!(
        text,
        "sealed schema/users.toml again as it stands; review it\n"
    );
    let text = complaint(folder.path(), &["seal", "--repair"]);
    assert!(
        text.starts_with("error: schema/broken.toml: line"),
        "{text}"
    );
}

/// Runs the tool where no file may grow over `blocks` (of 512 or 1,024 bytes): it is killed at the write behind them, or, when it
/// ignores the signal, told that the disk is full.
#[cfg(unix)]
fn run_within(folder: &Path, blocks: u32, signal: &str, arguments: &[&str]) -> Output {
    let script = format!("{signal} ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_smarterbase")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// A lock with a wrong seal, too large for what [`run_within`] allows.
#[cfg(unix)]
fn large_lock(folder: &Path) -> String {
    let mut lock = users();
    for number in 0..200 {
        let part = Part::new(format!("field_{number}"), "Option<String>");
        lock.versions[1].shape.parts.push(part);
    }
    let text = lock.write().replace("# seal ", "# seal 0");
    fs::write(folder.join("schema/users.toml"), &text).unwrap();
    text
}

#[cfg(unix)]
#[test]
fn a_tool_that_is_killed_in_the_middle_of_a_write_leaves_the_lock_as_it_was() {
    use std::os::unix::process::ExitStatusExt as _;

    let folder = folder();
    let before = large_lock(folder.path());
    for blocks in [0, 1] {
        let output = run_within(folder.path(), blocks, "", &["seal", "--repair", "users"]);
        assert!(output.status.signal().is_some(), "{output:?}");
        let path = folder.path().join("schema/users.toml");
        assert_eq!(fs::read_to_string(path).unwrap(), before);
    }
    // What the killed one left behind is in nobody's way.
    answer(folder.path(), &["seal", "--repair", "users"]);
    assert!(answer(folder.path(), &["schema", "show", "users"]).contains("field_199"));
    assert!(!folder.path().join("schema/users.toml.new").exists());
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_the_lock_as_it_was() {
    let folder = folder();
    let before = large_lock(folder.path());
    let ignored = "trap '' XFSZ;";
    let output = run_within(folder.path(), 1, ignored, &["seal", "--repair", "users"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: schema/users.toml: "), "{text}");
    let path = folder.path().join("schema/users.toml");
    assert_eq!(fs::read_to_string(path).unwrap(), before);
    assert!(!folder.path().join("schema/users.toml.new").exists());
}

#[test]
fn a_lock_that_cannot_be_read_is_never_repaired() {
    let folder = folder();
    let path = folder.path().join("schema/users.toml");
    for bytes in [
        &[0xff_u8, 0xfe][..],
        b"",
        b"<<<<<<< ours\n",
        b"# seal 0\nkind = 7\n",
    ] {
        fs::write(&path, bytes).unwrap();
        let text = complaint(folder.path(), &["seal", "--repair", "users"]);
        assert!(text.starts_with("error: schema/users.toml: "), "{text}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
