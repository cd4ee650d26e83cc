//! Objects with an intent: how one is made, and what it becomes.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{fence, settle::Settled};
use crate::{
    error::{Code, Error, Result},
    format::{
        Envelope,
        envelope::Opened,
        intent::{Content, Intent, Staged},
    },
    port::Rng,
};

/// The object at which an intent is placed, with the intent on it. Where nothing is, a stub bears it.
pub(super) fn bear(base: Option<&Settled>, intent: Intent, rng: &dyn Rng) -> (Envelope, Bytes) {
    let (mut envelope, body) = match base {
        Some(settled) => (
            settled.opened.envelope.clone(),
            settled.opened.body.as_ref(),
        ),
        None => (fence::stub(rng), &b"{}"[..]),
    };
    envelope.put = rng.nonce();
    envelope.intent = Some(intent);
    let bytes = envelope.seal(body);
    (envelope, bytes)
}

/// Where the pending body is, when it is large.
pub(super) fn staged(opened: &Opened) -> Result<Option<Staged>> {
    let Some(intent) = &opened.envelope.intent else {
        return Ok(None);
    };
    let pending = intent.pending(&opened.envelope)?;
    Ok(pending.and_then(|pending| match pending.content {
        Content::Staged(staged) => Some(staged),
        Content::Here(_) => None,
    }))
}

/// The object once its intent is committed: the pending version, or the same one when it was touched or locked. `staged`
/// is the body that the intent refers to.
pub(super) fn committed(opened: &Opened, staged: Option<Bytes>) -> Result<Opened> {
    let base = &opened.envelope;
    let pending = match &base.intent {
        Some(intent) => intent.pending(base)?,
        None => None,
    };
    let Some(pending) = pending else {
        return Ok(rolled_back(opened));
    };
    let body = match (&pending.content, staged) {
        (Content::Here(body), _) => body.clone(),
        (Content::Staged(_), Some(body)) => body,
        (Content::Staged(_), None) => return Err(Error::new(Code::CORRUPT, "no pending body")),
    };
    Ok(Opened {
        envelope: pending.envelope(base, base.put),
        has_envelope: true,
        body,
    })
}

/// The object once its intent is aborted.
pub(super) fn rolled_back(opened: &Opened) -> Opened {
    let mut opened = opened.clone();
    opened.envelope.intent = None;
    opened
}

/// The staged body, if it is the one that the intent means.
pub(super) fn check_staged(staged: &Staged, bytes: &Bytes) -> Result<Bytes> {
    let body = crate::format::envelope::open(bytes)?.body;
    if digest(&body) == staged.sha256 {
        return Ok(body);
    }
    Err(Error::new(
        Code::CORRUPT,
        "a staged body is not the one that its intent refers to",
    ))
}

/// How a staged body is named in an intent: sha256 in hex.
pub(crate) fn digest(body: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}
