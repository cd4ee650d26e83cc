//! Objects of the system are opened or refused; what opens is sealed and opened again to the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use smarterbase_core::format::{catalog::Catalog, claim::Claim, database::Database};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(catalog) = Catalog::open(&bytes) {
        assert_eq!(
            Catalog::open(&catalog.seal()).expect("a sealed catalog opens"),
            catalog
        );
    }
    if let Ok(database) = Database::open(&bytes) {
        assert_eq!(
            Database::open(&database.seal()).expect("sealed settings open"),
            database
        );
    }
    if let Ok(claim) = Claim::open(&bytes) {
        assert_eq!(
            Claim::open(&claim.seal()).expect("a sealed claim opens"),
            claim
        );
    }
});
