//! What a batch writer holds: the writes to come, and the failures that no report has told of.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use tokio::task::AbortHandle;

use super::{Ticket, WriteReport};
use crate::{
    db::{
        Session, StoredExt,
        request::{Delete, many::sized},
    },
    document::{Document, Stored},
    error::{Error, Result},
    operation::{
        Engine, View,
        batch::{self, BatchHandle, ItemState, Job, Turn, Turns, cancelled},
        verb::{
            create, encode_key,
            replace::{self, Members},
        },
        write,
    },
};

/// What a writer holds.
pub(super) struct Held<T: Document> {
    pub(super) engine: Arc<Engine>,
    pub(super) items: Vec<(Ticket, Item<T>)>,
    pub(super) bytes: usize,
    /// The ticket of the next item, and the first one that no report has.
    pub(super) next: u64,
    pub(super) reported: u64,
    pub(super) failures: Vec<(Ticket, Error)>,
    /// The batch that is being written, for whoever comes after a task that died.
    pub(super) underway: Option<(Vec<Ticket>, BatchHandle)>,
    pub(super) timer: Option<AbortHandle>,
}

pub(super) enum Item<T: Document> {
    Create(T),
    Upsert(T),
    Save(Box<Stored<T>>),
    Delete(T::Key),
}

impl<T: Document> Held<T> {
    pub(super) async fn write_out(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.bytes = 0;
        if items.is_empty() {
            return;
        }
        let tickets: Vec<Ticket> = items.iter().map(|(ticket, _)| *ticket).collect();
        let handle = BatchHandle::new();
        self.underway = Some((tickets.clone(), handle.clone()));
        let view = View::plain(self.engine.clone());
        let at_once = view.limits.concurrent_reads;
        let mut turns = Turns::default();
        let jobs = items
            .into_iter()
            .map(|(_, item)| item.job(&view, &mut turns));
        let results = batch::run(jobs, at_once, &handle, &mut (Box::new(|_| {}) as _)).await;
        self.underway = None;
        let failed = tickets.into_iter().zip(results);
        let failed = failed.filter_map(|(ticket, result)| Some((ticket, result.err()?)));
        self.failures.extend(failed);
    }

    /// After a task that died inside of a batch (a panic in a type's own code): what it began may have happened.
    pub(super) fn mourn(&mut self) {
        let Some((tickets, handle)) = self.underway.take() else {
            return;
        };
        let states = handle.states();
        for (position, ticket) in tickets.into_iter().enumerate() {
            match states.get(position).copied().unwrap_or_default() {
                ItemState::Done => {}
                ItemState::NotBegun => self.failures.push((ticket, cancelled())),
                ItemState::Failed | ItemState::Running | ItemState::Unknown => {
                    self.failures.push((ticket, write::task_ended()));
                }
            }
        }
    }

    pub(super) fn report(&mut self) -> WriteReport {
        // What was handed in while the report waited for its turn belongs to the next one.
        let end = self.items.first().map_or(self.next, |(first, _)| first.0);
        let tickets = self.reported..end;
        self.reported = end;
        WriteReport {
            tickets,
            failures: std::mem::take(&mut self.failures),
        }
    }
}

impl<T: Document> Item<T> {
    fn job(self, view: &View, turns: &mut Turns) -> Job<'static, ()> {
        let collection = view.collection::<T>();
        let id = match &self {
            Self::Create(value) | Self::Upsert(value) => encode_key(&collection, value.key()),
            Self::Save(stored) => encode_key(&collection, stored.key()),
            Self::Delete(key) => encode_key(&collection, key),
        };
        Job {
            turn: id.map_or_else(|_| Turn::default(), |id| turns.join(&id)),
            run: self.write(view.clone()),
        }
    }

    fn write(self, view: View) -> BoxFuture<'static, Result<((), u64)>> {
        async move {
            let collection = view.collection::<T>();
            let session = Session::plain(view.engine());
            match self {
                Self::Create(value) => create::create_made(&view, &collection, value)
                    .await
                    .map(|stored| ((), sized(stored).1))
                    .map_err(|error| error.during("create")),
                Self::Upsert(value) => {
                    replace::replace_by_made(&view, &collection, value, Members::Keep)
                        .await
                        .map(|stored| ((), sized(stored).1))
                        .map_err(|error| error.during("upsert"))
                }
                Self::Save(mut stored) => stored.save(session).await.map(|()| ((), 0)),
                Self::Delete(key) => Delete::<T>::new(session, &key).await.map(|_| ((), 0)),
            }
        }
        .boxed()
    }
}
