//! The rules that can be switched off, one by one, to prove that the model test notices.

use std::{fmt::Debug, hash::Hash};

/// One constant per rule of the protocol. [`Shipped`] keeps every one of them; the model test makes types that break
/// one each, and asserts that it finds the damage. A rule is a constant of a type, so no program can switch one off.
#[doc(hidden)]
pub trait Rules: Copy + Debug + Eq + Hash + Send + Sync + 'static {
    /// Giving up on a put that may be in flight needs a fence.
    const FENCE_BEFORE_GIVING_UP: bool = true;
    /// A fence has a physical nonce of its own, so that the version it leaves never was there before.
    const FENCE_HAS_NEW_NONCE: bool = true;
    /// `Rejected` means "read back", not "lost" (rule S19).
    const READ_BACK_WHEN_REJECTED: bool = true;
    /// An object is the base only if its physical nonce says so as well as its version.
    const COMPARE_NONCES: bool = true;
    /// The old owner of a claim is fenced before the claim moves.
    const FENCE_BEFORE_STEALING: bool = true;
    /// A claim that is ours already is put again, so that an older release cannot match.
    const REFRESH_OWN_CLAIM: bool = true;
    /// An index entry stays while its document has not passed the revision that the entry was announced on (rule S13).
    const CLEAN_BY_REVISION: bool = true;
    /// A transaction validates what it read.
    const VALIDATE_READS: bool = true;
    /// It does so after its intents are placed.
    const VALIDATE_AFTER_PLACING: bool = true;
    /// Its entries are announced before it validates, so that others find them when they validate a range.
    const ANNOUNCE_BEFORE_VALIDATING: bool = true;
    /// An undecided write of somebody else makes what was read invalid, unless that write is aborted.
    const HEED_UNDECIDED: bool = true;
    /// The same for a transaction that only reads.
    const HEED_UNDECIDED_WHEN_READ_ONLY: bool = true;
    /// That an attempt has no record is believed only while the object still bears its intent.
    const CHECK_AGAIN_WHEN_ABSENT: bool = true;
    /// The same for a record that says `aborted`.
    const CHECK_AGAIN_WHEN_ABORTED: bool = true;
    /// An object that goes back to the version from before has bytes that it never had.
    const ROLL_BACK_HAS_NEW_NONCE: bool = true;
}

/// The rules of every program: all of them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shipped;

impl Rules for Shipped {}
