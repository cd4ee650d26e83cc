//! What follows the decision over an attempt: ▸ indexes with a manifest ▸ the reply ▸ documents without intents ▸ entries,
//! claims, the record.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::{join, join_all};

use super::{
    attempt::Closed,
    clear,
    commit::{Commit, Document, Reply, Verdict},
    turns::Turn,
};
use crate::{
    document::Version,
    error::Result,
    format::{Key, intent::Home, record::Decision},
    operation::{profile::trace, secure, settle, write},
    protocol::{
        Placed,
        commit::{CommitEnd, CommitOutcome},
    },
};

impl Commit {
    /// Replies, and leaves nothing behind that can be cleared.
    pub(super) async fn end(self, mut closed: Closed, end: CommitEnd, reply: Reply) {
        let CommitEnd {
            outcome,
            placed,
            uncertain,
        } = end;
        match outcome {
            CommitOutcome::Committed(version) => {
                self.committed(closed, placed, version, reply).await;
            }
            CommitOutcome::Conflict(lost) => {
                self.undo(closed, placed, uncertain).await;
                drop(reply.send(Ok(Verdict::Lost(lost))));
            }
            CommitOutcome::Failed(error) => {
                self.undo(closed, placed, uncertain).await;
                drop(reply.send(Err(error)));
            }
            // Nobody may undo what may have happened: whoever meets the intents finds out.
            CommitOutcome::Unknown(error) => {
                drop(closed.locks.take());
                drop(reply.send(Err(write::outcome_unknown(error))));
            }
        }
    }

    /// Indexes with a manifest learn the outcome before the reply; everything else goes after it.
    async fn committed(
        self,
        mut closed: Closed,
        placed: BTreeMap<Key, Placed>,
        version: Option<Version>,
        reply: Reply,
    ) {
        let settled = self.settle_before_reply(version.as_ref()).await;
        let turn = closed.turn.take();
        turn.as_ref().inspect(|turn| turn.note_commit());
        match self.plan.author.home {
            Home::Own => {
                drop(turn);
                drop(reply.send(settled.map(|()| Verdict::Committed)));
                let versions = placed.into_keys().map(|key| (key, version.clone()));
                trace::after_reply(self.settle_after_reply(versions.collect())).await;
            }
            Home::Record => {
                turn.as_ref().inspect(|turn| turn.note_finishing());
                drop(reply.send(settled.map(|()| Verdict::Committed)));
                trace::after_reply(self.finish(closed, placed, turn)).await;
            }
        }
    }

    /// What was committed loses its intents; then the record may go, and others of this process need not wait for that.
    async fn finish(
        self,
        mut closed: Closed,
        mut placed: BTreeMap<Key, Placed>,
        turn: Option<Arc<Turn>>,
    ) {
        let (locks, doubtful) = closed.locks.take();
        for (key, lock) in locks {
            placed.entry(key).or_insert(lock);
        }
        let decision = Decision::Committed;
        let objects = clear::plans(&closed.name, decision, placed, doubtful);
        let finished = clear::finish(&self.engine, &closed.name, decision, objects).await;
        drop(turn);
        let removing = async {
            if finished.is_clean {
                clear::remove(&self.engine, &closed.name, self.plan.staged.clone()).await;
            }
        };
        join(removing, self.settle_after_reply(finished.versions)).await;
    }

    /// `version` is that of the one document that decided for itself. Of several the objects are not what they will be.
    async fn settle_before_reply(&self, version: Option<&Version>) -> Result<()> {
        let settling = self.documents.iter().map(|document| {
            let Document {
                collection,
                secured,
            } = document;
            settle::before_reply(&self.engine, collection, secured, version)
        });
        join_all(settling).await.into_iter().collect()
    }

    async fn settle_after_reply(&self, mut versions: BTreeMap<Key, Option<Version>>) {
        let settling = self.documents.iter().map(|document| {
            let version = versions.remove(&document.key()).flatten();
            async move {
                let Document {
                    collection,
                    secured,
                } = document;
                settle::after_reply(&self.engine, collection, secured, version.as_ref()).await;
            }
        });
        join_all(settling.collect::<Vec<_>>()).await;
    }

    /// Intents and announcements are taken back before the reply, so that the next attempt does not meet them.
    async fn undo(
        self,
        mut closed: Closed,
        placed: BTreeMap<Key, Placed>,
        mut uncertain: Vec<Key>,
    ) {
        let (mut bearers, doubtful) = closed.locks.take();
        bearers.extend(placed);
        uncertain.extend(doubtful);
        let objects = clear::plans(&closed.name, Decision::Aborted, bearers, uncertain);
        let clearing = clear::take_back(
            &self.engine,
            &closed.name,
            objects,
            self.plan.staged.clone(),
        );
        let withdrawing = self
            .documents
            .iter()
            .map(|document| secure::undo(&self.engine, &document.collection, &document.secured));
        join(clearing, join_all(withdrawing)).await;
    }
}
