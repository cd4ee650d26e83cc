//! When a request may go ahead: `If-Match`, `If-None-Match` and the two dates.
//!
//! Source for writes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>; for reads:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.

use std::time::SystemTime;

use http::{HeaderMap, header};
use s3s::{
    S3Error, S3Result,
    dto::{ETag, ETagCondition, Timestamp},
    s3_error,
};

use super::quirk::Quirk;

/// The conditions of a put, a copy's target, the end of a multipart upload, or a delete.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteCondition {
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
    if_match_has_quotes: bool,
}

impl WriteCondition {
    /// Reads the conditions that `headers` carry.
    pub(super) fn from_headers(headers: &HeaderMap) -> S3Result<Self> {
        let raw = headers.get(header::IF_MATCH).map(|value| value.as_bytes());
        Ok(Self {
            if_match: parse(headers, header::IF_MATCH)?,
            if_none_match: parse(headers, header::IF_NONE_MATCH)?,
            if_match_has_quotes: raw.is_some_and(|raw| raw.contains(&b'"')),
        })
    }

    /// A condition that only a listed object with this tag meets; `None` is no condition.
    pub(super) fn tag_is(tag: Option<ETag>) -> Self {
        Self {
            if_match: tag.map(ETagCondition::ETag),
            if_match_has_quotes: true,
            ..Self::default()
        }
    }

    /// Whether the write may go ahead over the object that is there now, given by its tag.
    ///
    /// # Errors
    /// `NoSuchKey` (404) for `If-Match` on nothing, else `PreconditionFailed` (412).
    pub(super) fn check(&self, current: Option<&ETag>, quirk: Option<Quirk>) -> S3Result<()> {
        if quirk == Some(Quirk::IgnoreConditions) {
            return Ok(());
        }
        self.check_match(current, quirk)?;
        let refused = match (&self.if_none_match, current) {
            (Some(condition), Some(current)) => matches_weakly(condition, current),
            _ => false,
        };
        if refused {
            Err(s3_error!(PreconditionFailed))
        } else {
            Ok(())
        }
    }

    /// As [`check`](Self::check), for a delete.
    pub(super) fn check_delete(
        &self,
        current: Option<&ETag>,
        quirk: Option<Quirk>,
    ) -> S3Result<()> {
        match quirk {
            Some(Quirk::IgnoreConditionalDelete) => Ok(()),
            _ => self.check(current, quirk),
        }
    }

    fn check_match(&self, current: Option<&ETag>, quirk: Option<Quirk>) -> S3Result<()> {
        let Some(condition) = &self.if_match else {
            return Ok(());
        };
        let current = current.ok_or_else(|| s3_error!(NoSuchKey))?;
        let unread = quirk == Some(Quirk::UnquotedEtags) && self.if_match_has_quotes;
        if unread || !matches_strongly(condition, current) {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(())
    }
}

/// The conditions of a get, a head, or a copy's source.
#[derive(Debug, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl ReadCondition {
    /// Whether the object with this tag and date may be returned. A tag condition wins over the date beside it.
    ///
    /// # Errors
    /// `PreconditionFailed` (412) or `NotModified` (304).
    pub(super) fn check(&self, tag: &ETag, modified: SystemTime) -> S3Result<()> {
        let changed = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches_strongly(condition, tag),
            (None, Some(date)) => whole_seconds(modified.into()) > whole_seconds(date.clone()),
            (None, None) => false,
        };
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches_weakly(condition, tag),
            (None, Some(date)) => whole_seconds(modified.into()) <= whole_seconds(date.clone()),
            (None, None) => false,
        };
        match (changed, unchanged) {
            (true, _) => Err(s3_error!(PreconditionFailed)),
            (false, true) => Err(s3_error!(NotModified)),
            (false, false) => Ok(()),
        }
    }

    /// As [`check`](Self::check), for a copy's source: there is no 304 for a copy.
    pub(super) fn check_source(&self, tag: &ETag, modified: SystemTime) -> S3Result<()> {
        self.check(tag, modified)
            .map_err(|_: S3Error| s3_error!(PreconditionFailed))
    }
}

fn parse(headers: &HeaderMap, name: header::HeaderName) -> S3Result<Option<ETagCondition>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    ETagCondition::parse_http_header(value.as_bytes())
        .map(Some)
        .map_err(|_| s3_error!(InvalidArgument))
}

fn matches_strongly(condition: &ETagCondition, current: &ETag) -> bool {
    condition
        .as_etag()
        .is_none_or(|wanted| wanted.strong_cmp(current))
}

fn matches_weakly(condition: &ETagCondition, current: &ETag) -> bool {
    condition
        .as_etag()
        .is_none_or(|wanted| wanted.weak_cmp(current))
}

/// HTTP dates have no fraction of a second, so neither may the comparison.
fn whole_seconds(time: Timestamp) -> i64 {
    time::OffsetDateTime::from(time).unix_timestamp()
}
