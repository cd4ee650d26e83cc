//! A disk in memory that loses its power, is full, or gives other bytes than were written.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    /// What a sync brought to safety.
    synced: Vec<u8>,
    is_full: bool,
    syncs: u64,
}

impl Disk {
    /// Everything since the last sync is gone.
    pub(crate) fn lose_power(&self) {
        let mut bytes = self.bytes();
        bytes.now = bytes.synced.clone();
    }

    /// What a copy that is made now holds.
    pub(crate) fn copy(&self) -> Self {
        let now = self.bytes().now.clone();
        Self(Arc::new(Mutex::new(Bytes {
            synced: now.clone(),
            now,
            ..Bytes::default()
        })))
    }

    pub(crate) fn fill(&self, is_full: bool) {
        self.bytes().is_full = is_full;
    }

    pub(crate) fn erase(&self) {
        let mut bytes = self.bytes();
        bytes.now.clear();
        bytes.synced.clear();
    }

    /// Every page but the first one holds something else.
    pub(crate) fn damage(&self) {
        let mut bytes = self.bytes();
        for (position, byte) in bytes.now.iter_mut().enumerate().skip(4_096) {
            *byte ^= (position % 251) as u8;
        }
        bytes.synced = bytes.now.clone();
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.bytes().syncs
    }

    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes();
        let start = usize::try_from(offset).unwrap();
        let Some(found) = bytes.now.get(start..start + out.len()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.bytes();
        check(&bytes)?;
        bytes.now.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut bytes = self.bytes();
        check(&bytes)?;
        bytes.synced = bytes.now.clone();
        bytes.syncs += 1;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.bytes();
        check(&bytes)?;
        let start = usize::try_from(offset).unwrap();
        let end = start + data.len();
        if bytes.now.len() < end {
            bytes.now.resize(end, 0);
        }
        bytes.now[start..end].copy_from_slice(data);
        Ok(())
    }
}

fn check(bytes: &Bytes) -> io::Result<()> {
    match bytes.is_full {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    }
}
