//! The four steps of a write that can fail half-way, and the names of folders: the seam where tests break the disk.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// What is asked of the disk.
pub(super) trait Disk: Send + Sync + fmt::Debug {
    /// Writes all of `bytes`.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Returns once the file's bytes and times are on stable storage.
    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Puts a file at its name, replacing what is there, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// The names in a folder.
    fn read_folder(&self, folder: &Path) -> io::Result<fs::ReadDir> {
        fs::read_dir(folder)
    }

    /// Returns once the names in the folder are on stable storage.
    ///
    /// Source: <https://man7.org/linux/man-pages/man2/fsync.2.html>, "an explicit fsync() on a file descriptor for the
    /// directory is also needed".
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// The disk as the operating system gives it.
#[derive(Debug)]
pub(super) struct SystemDisk;

impl Disk for SystemDisk {}
