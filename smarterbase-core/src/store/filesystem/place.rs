//! Which paths may be used, and what is special about some.

use crate::{
    format::Key,
    port::{StoreError, StoreErrorKind},
};

/// The folder that is ours: locks and temporary files.
pub(super) const OWN: &str = ".sb";

/// The longest name of one segment in bytes.
const LONGEST_NAME: usize = 255;

/// Refuses a path that would leave the root, meet our own files, or that no filesystem takes.
pub(super) fn check(key: &Key) -> Result<(), StoreError> {
    let path = key.as_str();
    let is_ours = path == OWN || path.starts_with(".sb/");
    if !is_ours && path.split('/').all(is_name) {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Invalid,
        format!("{path:?} cannot be the name of a file"),
    ))
}

fn is_name(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && segment.len() <= LONGEST_NAME && !segment.contains('\0')
}

/// The folder of an index entry, `_index/<collection>/<index>/<value>`: the only folders that are ever removed (S17).
pub(super) fn value_folder(key: &Key) -> Option<&str> {
    let (folder, _entry) = key.as_str().rsplit_once('/')?;
    let is_value = folder.starts_with("_index/") && folder.split('/').count() == 4;
    is_value.then_some(folder)
}

/// Whether a reader must not see this object before it is on stable storage (S30): records decide transactions, and
/// system objects decide what writers may do.
pub(super) fn is_decisive(key: &Key) -> bool {
    key.as_str().starts_with("_tx/") || key.as_str().starts_with("_sys/")
}
