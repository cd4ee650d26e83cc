//! Where this runs: the machine, its disk, and the versions of everything.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, ensure};

use crate::measure::{Took, now};

/// How often the disk is asked.
const SYNCS: usize = 100;
const BLOCK: usize = 4096;

/// What the reader must know about the machine, one fact each. What cannot be found out is left out.
pub(crate) fn describe(folder: &Path) -> Vec<String> {
    let cores = thread::available_parallelism().map(|count| format!("{count} virtual cores"));
    let facts = [
        cores.ok().map(|cores| format!("{cores}{}", model())),
        memory(),
        said("uname", &["-sr"]),
        filesystem(folder),
        said("rustc", &["--version"]),
        Some(format!("load {} before the run", load())),
    ];
    facts.into_iter().flatten().collect()
}

/// How long one block takes to the disk, and nothing else: a write over a block of an open file, with `fdatasync` (a log that is
/// written over), and with a file that grows and `fsync` (a log that grows, and new files).
pub(crate) fn disk(folder: &Path) -> anyhow::Result<[Took; 2]> {
    Ok([sync_blocks(folder, false)?, sync_blocks(folder, true)?])
}

fn sync_blocks(folder: &Path, grows: bool) -> anyhow::Result<Took> {
    let path = folder.join("synced");
    let mut file = File::create(&path)?;
    file.write_all(&[0; BLOCK])?;
    file.sync_all()?;
    let mut runs = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = now();
        if !grows {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&[7; BLOCK])?;
        if grows {
            file.sync_all()?
        } else {
            file.sync_data()?
        }
        runs.push(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok(Took::of(runs))
}

/// Brings everything that was loaded to the disk, so that it is not written while something is measured.
pub(crate) fn sync() -> anyhow::Result<()> {
    let status = Command::new("sync")
        .status()
        .context("there is no `sync`")?;
    ensure!(status.success(), "sync ended with {status}");
    Ok(())
}

/// The version of a crate that was built in, out of the lock file; the greatest where there are several.
pub(crate) fn version_of(name: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let wanted = format!("name = \"{name}\"");
    let versions = lock
        .split("[[package]]")
        .filter(|package| package.lines().any(|line| line == wanted));
    let version = versions
        .filter_map(|package| quoted(package, "version"))
        .last();
    version.unwrap_or("of an unknown version").to_owned()
}

fn quoted<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    let line = package
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
    line.strip_suffix('"')
}

fn model() -> String {
    first_line_of("/proc/cpuinfo", "model name")
        .map_or_else(String::new, |model| format!(" of {model}"))
}

fn memory() -> Option<String> {
    let total = first_line_of("/proc/meminfo", "MemTotal")?;
    let kilobytes: u64 = total.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{} GiB of memory", kilobytes >> 20))
}

/// What follows the colon of the first line that begins like this.
fn first_line_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn filesystem(folder: &Path) -> Option<String> {
    let table = said("df", &["-PT", folder.to_str()?])?;
    let kind = table.lines().nth(1)?.split_whitespace().nth(1)?.to_owned();
    Some(format!("{kind} below the data"))
}

/// The load of the last minute, the last five and the last fifteen.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = text.split_whitespace().take(3).collect();
    if load.is_empty() {
        "unknown".into()
    } else {
        load.join(", ")
    }
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_all_peers_are_known() {
        for name in [
            "smarterbase",
            "rusqlite",
            "tokio-postgres",
            "toasty",
            "native_db",
            "redb",
        ] {
            let version = version_of(name);
            assert!(
                version.starts_with(|digit: char| digit.is_ascii_digit()),
                "{name} {version}"
            );
        }
        assert_eq!(version_of("no-such-crate"), "of an unknown version");
    }
}
