//! `seal`: drafts become sealed versions. And `seal --repair`.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context, bail};
use smarterbase_schema::{Lock, difference};

use crate::{
    blocks::{self, Block},
    chore::Chore,
    folder,
};

/// Seals the drafts of these types, or all of them. Gives what was sealed.
pub(crate) fn seal(types: &[String], cargo: &[String]) -> anyhow::Result<String> {
    let mut report = String::new();
    let mut left: Vec<&String> = types.iter().collect();
    let found = blocks::collect(cargo)?;
    for block in &found.blocks {
        let name = &block.today.name;
        if types.is_empty() || types.contains(name) {
            left.retain(|wanted| *wanted != name);
            report.push_str(&seal_one(block)?);
        }
    }
    if let Some(name) = left.first() {
        bail!("`{name}` is no draft of these crates");
    }
    // The samples are made of the program's own types, so the program writes them.
    if !found.lists.is_empty() {
        report.push_str(&Chore::new("fixtures").run(&found.lists, cargo)?);
    }
    if report.is_empty() {
        report.push_str("nothing to seal\n");
    }
    Ok(report)
}

/// Adds a version to a lock, unless it is sealed already.
fn seal_one(block: &Block) -> anyhow::Result<String> {
    let (path, today) = (&block.lock_path, &block.today);
    let version = today.last().context("a block has a version")?;
    let mut lock = match fs::read_to_string(path) {
        Ok(text) => Lock::parse(&text).with_context(|| path.display().to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Lock {
            versions: Vec::new(),
            ..today.clone()
        },
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    is_of(block, &lock)?;
    let last = lock.last().map_or(0, |last| last.version);
    if last == version.version {
        return Ok(String::new());
    }
    if last + 1 != version.version {
        bail!(
            "`{}` is at version {}, but {last} is the last sealed one",
            today.name,
            version.version
        );
    }
    lock.versions.push(version.clone());
    write(path, &lock.write())?;
    Ok(format!(
        "sealed `{}` version {} in {}\n{}",
        lock.name,
        version.version,
        path.display(),
        changes(&lock)
    ))
}

/// Whether a lock is that of the type: nothing else may be added to.
pub(crate) fn is_of(block: &Block, lock: &Lock) -> anyhow::Result<()> {
    let today = &block.today;
    if (&lock.name, lock.kind, &lock.crate_name) == (&today.name, today.kind, &today.crate_name) {
        return Ok(());
    }
    bail!(
        "{} is the lock of the {} `{}` in the crate `{}`, not of the {} `{}` in `{}`; where the crate was renamed, write its new name \
         into the lock and run `cargo smarterbase seal --repair {}`",
        block.lock_path.display(),
        lock.kind.name(),
        lock.name,
        lock.crate_name,
        today.kind.name(),
        today.name,
        today.crate_name,
        today.name
    )
}

/// What the last version changed.
fn changes(lock: &Lock) -> String {
    let [.., before, after] = &lock.versions[..] else {
        return String::new();
    };
    let changes = difference::by_name(&before.shape, &after.shape);
    format!("{}\n", difference::list(&changes))
}

/// Writes new seals on the locks of these types, or on all that were edited.
pub(crate) fn repair(schema: &Path, types: &[String]) -> anyhow::Result<String> {
    let mut report = String::new();
    let files = folder::files(schema)?;
    let is_there = |name: &&String| files.iter().any(|file| file.is_of(name));
    if let Some(name) = types.iter().find(|name| !is_there(name)) {
        bail!("no lock in `{}` is called `{name}`", schema.display());
    }
    for file in files {
        let is_meant = types.is_empty() || types.iter().any(|name| file.is_of(name));
        if !is_meant || file.lock().is_ok() {
            continue;
        }
        let lock =
            Lock::parse_unsealed(&file.text).with_context(|| file.path.display().to_string())?;
        write(&file.path, &lock.write())?;
        report.push_str(&format!(
            "sealed {} again as it stands; review it\n",
            file.path.display()
        ));
    }
    if report.is_empty() {
        report.push_str("no lock needs a repair\n");
    }
    Ok(report)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    replace(path, text)
}

/// Writes a file whole or not at all: what was there stays when the disk is full, or when the tool ends in between.
pub(crate) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let done = write_new(new, text).and_then(|()| fs::rename(new, path));
    if done.is_err() {
        let _ = fs::remove_file(new);
    }
    done.with_context(|| path.display().to_string())
}

/// On the disk before it is renamed, so that a loss of power leaves no empty file behind.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use smarterbase_schema::{Form, Kind, Sealed, Shape};

    use super::*;

    fn today(crate_name: &str) -> Lock {
        Lock {
            kind: Kind::Document,
            name: "users".to_owned(),
            crate_name: crate_name.to_owned(),
            versions: vec![Sealed {
                version: 1,
                shape: Shape::new(Form::Struct),
                steps: None,
                origins: Vec::new(),
            }],
        }
    }

    fn block(lock_path: &Path, crate_name: &str) -> Block {
        Block {
            lock_path: lock_path.to_owned(),
            type_name: "User".to_owned(),
            place: None,
            today: today(crate_name),
        }
    }

    #[test]
    fn a_lock_of_another_crate_is_no_lock_of_this_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        seal_one(&block(&path, "app")).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        let refused = seal_one(&block(&path, "renamed")).unwrap_err().to_string();
        assert!(
            refused.contains("`app`") && refused.contains("`renamed`"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn a_lock_of_another_type_and_one_that_was_edited_are_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let mut other_kind = today("app");
        other_kind.kind = Kind::Embedded;
        let mut other_name = today("app");
        other_name.name = "people".to_owned();
        let edited = today("app").write().replace("struct", "tuple");
        for text in [
            other_kind.write(),
            other_name.write(),
            edited,
            String::new(),
        ] {
            fs::write(&path, &text).unwrap();
            let mut next = block(&path, "app");
            next.today.versions[0].version = 2;
            assert!(seal_one(&next).is_err(), "{text}");
            assert!(seal_one(&block(&path, "app")).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_lock_as_it_was_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        seal_one(&block(&path, "app")).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        let new = folder.path().join("users.toml.new");
        // Whatever is written there meets a full disk.
        std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        let mut next = block(&path, "app");
        next.today.versions[0].version = 2;
        let error = seal_one(&next).unwrap_err();
        let error = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        assert_eq!(error, Some(std::io::ErrorKind::StorageFull));
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        assert!(new.symlink_metadata().is_err());
        seal_one(&next).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("[v2]"));
    }

    #[test]
    fn a_lock_that_cannot_be_read_is_not_taken_for_an_absent_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(seal_one(&block(&path, "app")).is_err());
        assert_eq!(fs::read(&path).unwrap(), [0xff, 0xfe]);
    }
}
