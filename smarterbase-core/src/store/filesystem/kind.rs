//! Which filesystem a folder lies on, and whether `flock` and `rename` can be trusted there.

use std::{io, path::Path};

/// What is known about a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A disk of this machine, where locks hold between all processes.
    Local,
    /// A network filesystem, or one that nobody tested: locks may be leases, or nothing at all.
    Doubtful,
}

/// Asks the operating system.
///
/// # Errors
/// As `statfs(2)`.
pub(super) fn of(folder: &Path) -> io::Result<Kind> {
    let filesystem = rustix::fs::statfs(folder)?;
    match is_local(&filesystem) {
        true => Ok(Kind::Local),
        false => Ok(Kind::Doubtful),
    }
}

/// The magic numbers of filesystems on local disks.
///
/// Source: <https://man7.org/linux/man-pages/man2/statfs.2.html> and `linux/magic.h`; ZFS and bcachefs from their own
/// sources.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_local(filesystem: &rustix::fs::StatFs) -> bool {
    const LOCAL: [u64; 12] = [
        0xEF53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683E, // Btrfs
        0x0102_1994, // tmpfs
        0x8584_58F6, // ramfs
        0x794C_7630, // overlayfs
        0xF2F5_2010, // F2FS
        0x2FC1_2FC1, // ZFS
        0xCA45_1A4E, // bcachefs
        0x3153_464A, // JFS
        0x5265_4973, // ReiserFS
        0x4D44,      // FAT
    ];
    // The type of the field differs between processors; only its low 32 bits mean anything.
    let magic = u64::try_from(i128::from(filesystem.f_type) & 0xFFFF_FFFF);
    magic.is_ok_and(|magic| LOCAL.contains(&magic))
}

/// `MNT_LOCAL` says that a filesystem lies on this machine.
///
/// Source: `sys/mount.h` of macOS and FreeBSD.
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
fn is_local(filesystem: &rustix::fs::StatFs) -> bool {
    const MNT_LOCAL: u64 = 0x1000;
    u64::from(filesystem.f_flags) & MNT_LOCAL != 0
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd"
)))]
fn is_local(_filesystem: &rustix::fs::StatFs) -> bool {
    false
}
