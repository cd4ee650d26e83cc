//! The ways in which real stores are known to differ from AWS, one at a time.

/// A deliberate deviation, to prove that a probe notices it.
///
/// Each variant names the store it was seen on; sources are in `docs/` of the stores and in the issues cited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// Answers 200 to every conditional request and does it anyway, as Garage does.
    IgnoreConditions,
    /// Checks the condition, then writes a moment later without looking again: several racers win. `s3s-fs` and
    /// versitygw before its PR 2288 do this.
    RacyConditions,
    /// Compares `If-Match` as text without its quotes, so that a correctly quoted tag never matches. Ceph RGW 16 and
    /// DigitalOcean Spaces do this.
    UnquotedEtags,
    /// Deletes whatever `If-Match` says, as MinIO does (its issue 21677).
    IgnoreConditionalDelete,
    /// Answers weak tags (`W/"…"`), as a compressing proxy in front of a store does. `If-Match` compares strongly, so
    /// a weak tag never matches: <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1>.
    WeakEtags,
}
