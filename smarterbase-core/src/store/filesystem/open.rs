//! Opening a folder as a store: make it, judge its filesystem, measure its clock, clean up.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use super::{
    FileOptions, Files,
    disk::Disk,
    kind::{self, Kind},
    names::Folders,
    place::OWN,
    version::{Modified, from_timestamp, modified, set_modified},
};
use crate::error::{Code, Error, Result};

/// How old a temporary file is when its writer is taken for dead.
const STALE: Duration = Duration::from_secs(3_600);

/// What the times of files may be counted in, in nanoseconds: ext4, XFS, Btrfs; NTFS; others; FAT.
const TICKS: [Modified; 6] = [1, 100, 1_000, 1_000_000, 1_000_000_000, 2_000_000_000];

/// Opens `root`. Blocks.
pub(super) fn open(root: &Path, options: FileOptions, disk: Arc<dyn Disk>) -> Result<Files> {
    if !options.read_only {
        make(root, options.fsync, &*disk).map_err(|error| failed(root, error))?;
    }
    let root = fs::canonicalize(root).map_err(|error| failed(root, error))?;
    let kind = check_kind(&root, &options)?;
    let mut files = Files {
        root,
        tick: 1,
        keeps_names: kind == Kind::Local,
        folders: Folders::default(),
        fsync: options.fsync,
        read_only: options.read_only,
        is_broken: AtomicBool::new(false),
        doubtful: Mutex::default(),
        clock: options.clock,
        rng: options.rng,
        disk,
    };
    if !files.read_only {
        files
            .prepare()
            .map_err(|error| failed(&files.root, error))?;
        files.tick = files.measure_tick()?;
    }
    Ok(files)
}

/// Makes a folder and everything above it, durably.
fn make(folder: &Path, fsync: bool, disk: &dyn Disk) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::ErrorKind::NotFound.into()),
    };
    make(parent, fsync, disk)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ if fsync => disk.sync_folder(parent),
        _ => Ok(()),
    }
}

fn check_kind(root: &Path, options: &FileOptions) -> Result<Kind> {
    let kind = kind::of(root).map_err(|error| failed(root, error))?;
    if kind == Kind::Local || options.read_only || options.allow_network_filesystem {
        return Ok(kind);
    }
    let message = format!(
        "{} lies on a network filesystem, or on one that is not known: locks may not hold there. Use a local disk, or \
         set allow_network_filesystem when only one machine writes",
        root.display()
    );
    Err(Error::new(Code::MISCONFIGURED, message))
}

impl Files {
    /// Makes our own folders and removes what dead writers left.
    fn prepare(&self) -> io::Result<()> {
        for family in ["", "locks", "folders", "tmp"] {
            make(&self.own(family), self.fsync, &*self.disk)?;
        }
        self.remove_stale()
    }

    fn remove_stale(&self) -> io::Result<()> {
        let stale = i128::try_from(STALE.as_nanos()).expect("an hour fits");
        let oldest = from_timestamp(self.clock.now()) - stale;
        for entry in fs::read_dir(self.own("tmp"))? {
            let entry = entry?;
            let is_stale = entry
                .metadata()
                .is_ok_and(|metadata| modified(&metadata) < oldest);
            if is_stale {
                // Another process may open the store at the same time and be quicker.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// The smallest step between two times that the filesystem keeps apart.
    fn measure_tick(&self) -> Result<Modified> {
        let path = self.own("tmp").join(self.rng.nonce().as_str());
        let tick = TICKS
            .into_iter()
            .map(|tick| self.keeps(&path, tick).map(|kept| kept.then_some(tick)))
            .find_map(Result::transpose)
            .transpose();
        let _ = fs::remove_file(&path);
        let tick = tick.map_err(|error| failed(&self.root, error))?;
        tick.ok_or_else(|| {
            let message = format!(
                "{} does not keep the times of files, so it cannot tell versions apart",
                self.root.display()
            );
            Error::new(Code::MISCONFIGURED, message)
        })
    }

    /// Whether three times, one tick apart, come back as they were set.
    fn keeps(&self, path: &Path, tick: Modified) -> io::Result<bool> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let now = from_timestamp(self.clock.now());
        let first = now - now.rem_euclid(tick);
        for step in 0..3 {
            let time = first + step * tick;
            set_modified(&file, time)?;
            if modified(&fs::metadata(path)?) != time {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A folder of our own, `""` for the one that holds the others.
    pub(super) fn own(&self, family: &str) -> PathBuf {
        match family {
            "" => self.root.join(OWN),
            family => self.root.join(OWN).join(family),
        }
    }
}

fn failed(root: &Path, error: io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::NO_SUCH_STORE,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::DENIED,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::FULL,
        io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::InvalidFilename => Code::MISCONFIGURED,
        _ => Code::UNAVAILABLE,
    };
    Error::new(code, format!("open {}: {error}", root.display())).with_source(error)
}
