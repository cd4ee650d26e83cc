//! Any bytes are opened or refused; what opens is sealed and opened again to the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use smarterbase_core::format::{body, envelope};
use smarterbase_fuzz::SPEC;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let fingerprint = envelope::fingerprint(&bytes);
    let Ok(opened) = envelope::open(&bytes) else {
        return;
    };
    if let (Some(physical), true) = (envelope::physical_nonce(&bytes), opened.has_envelope) {
        assert_eq!(physical, fingerprint);
        assert_eq!(physical, opened.envelope.put);
    }
    let sealed = opened.envelope.seal(&opened.body);
    assert_eq!(envelope::physical_nonce(&sealed), Some(opened.envelope.put));
    let again = envelope::open(&sealed).expect("what was opened can be sealed");
    assert_eq!(again.envelope, opened.envelope);
    if let Ok(unknown) = body::unknown_members(&SPEC, &opened.body) {
        assert!(
            unknown
                .iter()
                .all(|(name, _)| name != "_sb" && name != "a" && name != "b")
        );
        assert_eq!(again.envelope.seal(&again.body), sealed);
    }
});
