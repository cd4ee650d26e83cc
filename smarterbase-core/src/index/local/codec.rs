//! The bytes of a manifest inside the file. Private to this build: a file of another form is rebuilt.

use bytes::Bytes;

use super::manifest::{Entry, Manifest, Pending};
use crate::format::Nonce;

/// Bit 0: deleted.
const DELETED: u64 = 1;

/// Writes a manifest.
pub(super) fn encode(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_number(&mut bytes, manifest.rev);
    put_number(&mut bytes, u64::from(manifest.is_deleted) * DELETED);
    put_entries(&mut bytes, &manifest.entries);
    put_number(&mut bytes, manifest.pending.len() as u64);
    for pending in &manifest.pending {
        let write = pending.write.as_ref().map_or("", Nonce::as_str);
        put_bytes(&mut bytes, write.as_bytes());
        put_number(&mut bytes, pending.base);
        put_entries(&mut bytes, &pending.entries);
    }
    bytes
}

/// Reads a manifest; `None` when it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<Manifest> {
    let mut reader = Reader(bytes);
    let manifest = Manifest {
        rev: reader.number()?,
        is_deleted: reader.number()? & DELETED != 0,
        entries: reader.entries()?,
        pending: (0..reader.number()?)
            .map(|_| reader.pending())
            .collect::<Option<_>>()?,
    };
    reader.0.is_empty().then_some(manifest)
}

fn put_entries(bytes: &mut Vec<u8>, entries: &[Entry]) {
    put_number(bytes, entries.len() as u64);
    for entry in entries {
        put_bytes(bytes, entry);
    }
}

fn put_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    put_number(bytes, part.len() as u64);
    bytes.extend_from_slice(part);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7F) as u8);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(first & 0x7F) << shift;
            if first & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn entries(&mut self) -> Option<Vec<Entry>> {
        (0..self.number()?)
            .map(|_| self.bytes().map(Bytes::copy_from_slice))
            .collect()
    }

    fn pending(&mut self) -> Option<Pending> {
        let write = self.text()?;
        Some(Pending {
            write: match &*write {
                "" => None,
                write => Some(Nonce::parse(write)?),
            },
            base: self.number()?,
            entries: self.entries()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bytes, Manifest, Nonce, Pending, decode, encode};

    fn entries() -> impl Strategy<Value = Vec<Bytes>> {
        let entry = prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
        prop::collection::vec(entry, 0..5)
    }

    fn manifests() -> impl Strategy<Value = Manifest> {
        let write = prop::option::of(any::<[u8; 13]>().prop_map(Nonce::from_random));
        let pending = (write, any::<u64>(), entries()).prop_map(|(write, base, entries)| Pending {
            write,
            base,
            entries,
        });
        let pending = prop::collection::vec(pending, 0..3);
        (any::<u64>(), any::<bool>(), entries(), pending).prop_map(
            |(rev, is_deleted, entries, pending)| Manifest {
                rev,
                is_deleted,
                entries,
                pending,
            },
        )
    }

    proptest! {
        #[test]
        fn every_manifest_is_read_back(manifest in manifests()) {
            let bytes = encode(&manifest);
            prop_assert_eq!(decode(&bytes), Some(manifest));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn bytes_that_are_no_manifest_are_refused_or_read_without_a_panic(bytes: Vec<u8>) {
            decode(&bytes);
        }
    }
}
