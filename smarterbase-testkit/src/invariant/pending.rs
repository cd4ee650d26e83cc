//! What an object says once its pending write is taken for what its transaction's record says, read without the engine.

use bytes::Bytes;
use smarterbase_core::{
    format::{
        envelope::{self, Opened},
        intent::{Content, Home, Intent},
        path,
        record::{Decision, Record},
    },
    port::CasStore,
};

/// The committed version. A pending write that nobody decided stays in the envelope.
pub(super) async fn committed(store: &dyn CasStore, bytes: &Bytes) -> Opened {
    let mut opened = envelope::open(bytes).expect("an object with a readable envelope");
    let Some(intent) = opened.envelope.intent.clone() else {
        return opened;
    };
    match decision(store, &intent).await {
        None => opened,
        Some(Decision::Aborted) => {
            opened.envelope.intent = None;
            opened
        }
        Some(Decision::Committed) => pending(store, opened, &intent).await,
    }
}

async fn decision(store: &dyn CasStore, intent: &Intent) -> Option<Decision> {
    if intent.home == Home::Own {
        return None;
    }
    let record = store.get(&path::record(&intent.transaction)).await;
    let object = record.expect("the store answers")?;
    Some(Record::open(&object.bytes).expect("a record").decision)
}

async fn pending(store: &dyn CasStore, mut opened: Opened, intent: &Intent) -> Opened {
    let pending = intent.pending(&opened.envelope).expect("a pending version");
    let Some(pending) = pending else {
        opened.envelope.intent = None;
        return opened;
    };
    let body = match &pending.content {
        Content::Here(body) => body.clone(),
        Content::Staged(staged) => {
            let object = store.get(&staged.key).await.expect("the store answers");
            let object = object.expect("a committed version has its staged body");
            envelope::open(&object.bytes).expect("a staged body").body
        }
    };
    Opened {
        envelope: pending.envelope(&opened.envelope, opened.envelope.put),
        has_envelope: true,
        body,
    }
}
