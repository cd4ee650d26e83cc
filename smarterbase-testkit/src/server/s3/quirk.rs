//! The ways in which real stores are known to differ from AWS, one at a time.

/// A deliberate deviation, to prove that a probe notices it. Each was seen on a store that people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// Answers 200 to every conditional request and does it anyway. Seen: Garage 2.5.
    IgnoreConditions,
    /// Checks the condition, then writes a moment later without looking again: several racers win. Seen: `s3s-fs`
    /// 0.14, and versitygw before <https://github.com/versity/versitygw/pull/2288>.
    RacyConditions,
    /// Compares `If-Match` as text without its quotes, so that a correctly quoted tag never matches. Seen: Ceph RGW 16,
    /// and DigitalOcean Spaces in <https://github.com/slatedb/slatedb/issues/1818>.
    UnquotedEtags,
    /// Deletes whatever `If-Match` says, while puts are held. Seen: MinIO in
    /// <https://github.com/minio/minio/issues/21677>.
    IgnoreConditionalDelete,
    /// Answers weak tags (`W/"…"`), as a compressing proxy in front of a store does. `If-Match` compares strongly, so
    /// a weak tag never matches: <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1>.
    WeakEtags,
}
