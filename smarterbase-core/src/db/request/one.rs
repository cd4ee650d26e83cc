//! The requests of verbs on one document.

use futures::future::BoxFuture;

use super::{explained_verb, request};
use crate::{
    db::Session,
    document::{Document, IntoDocument, Stored},
    error::Result,
    maintenance::cascade::{self, CascadePlan},
    operation::{
        read,
        verb::{
            create, encode_key, not_found,
            replace::{self, Members},
            save, update,
        },
    },
};

macro_rules! keyed {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "a request does nothing until it is awaited"]
        pub struct $name<'a, T: Document> {
            session: Session<'a>,
            key: T::Key,
        }

        impl<'a, T: Document> $name<'a, T> {
            pub(crate) fn new(session: Session<'a>, key: &T::Key) -> Self {
                Self { session, key: key.clone() }
            }

            fn session(&self) -> &Session<'a> {
                &self.session
            }
        }
    )*};
}
keyed! {
    /// Whether a document is there.
    Exists;
    /// Deletes a document whatever its revision; gives whether there was one.
    Delete;
}

/// Reads a document: `Option<Stored<T>>`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Get<'a, T: Document> {
    session: Session<'a>,
    key: T::Key,
    is_strict: bool,
}

impl<'a, T: Document> Get<'a, T> {
    pub(crate) fn new(session: Session<'a>, key: &T::Key) -> Self {
        Self {
            session,
            key: key.clone(),
            is_strict: false,
        }
    }

    fn session(&self) -> &Session<'a> {
        &self.session
    }

    /// Reads in one order with all transactions: whatever was acknowledged to anybody before the call, on any document, is
    /// seen. A transaction that is undecided on the document is waited for, and aborted when it does not end.
    ///
    /// Without it the read never waits, and sees the document's own order only.
    pub fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }
}

/// Reads a document that must be there.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetRequired<'a, T: Document>(Get<'a, T>);

impl<'a, T: Document> GetRequired<'a, T> {
    fn session(&self) -> &Session<'a> {
        &self.0.session
    }
}

impl<'a, T: Document> Get<'a, T> {
    /// A missing document becomes [`NotFound`](crate::ErrorKind::NotFound).
    pub fn required(self) -> GetRequired<'a, T> {
        GetRequired(self)
    }
}

request!(impl['a, T: Document] Get<'a, T> => Option<Stored<T>>, |this| async move {
    let engine = this.session.engine();
    let collection = engine.collection::<T>();
    let id = encode_key(&collection, &this.key)?;
    let loaded = match this.is_strict {
        true => read::load_strictly(this.session.view(), &collection, &id).await,
        false => read::load(this.session.view(), &collection, &id).await,
    };
    loaded.map_err(|error| error.during("get"))
});

request!(impl['a, T: Document] GetRequired<'a, T> => Stored<T>, |this| async move {
    let collection = this.0.session.engine().collection::<T>();
    let id = encode_key(&collection, &this.0.key)?;
    this.0.await?.ok_or_else(|| not_found(&collection, &id).during("get"))
});

request!(impl['a, T: Document] Exists<'a, T> => bool, |this| async move {
    let engine = this.session.engine();
    let collection = engine.collection::<T>();
    let id = encode_key(&collection, &this.key)?;
    let fetched = read::fetch(this.session.view(), &collection, &id).await.map_err(|error| error.during("exists"))?;
    let live = read::live(&collection, &id, fetched).map_err(|error| error.during("exists"))?;
    Ok(live.is_some())
});

request!(impl['a, T: Document] Delete<'a, T> => bool, |this| async move {
    let collection = this.session.engine().collection::<T>();
    let id = encode_key(&collection, &this.key)?;
    let deleted = cascade::delete::<T>(this.session.view(), &collection, &id).await;
    deleted.map_err(|error| error.during("delete"))
});

impl<'a, T: Document> Delete<'a, T> {
    /// Deletes nothing, and tells what would go along.
    pub fn dry_run(self) -> PlanDelete<'a, T> {
        PlanDelete { delete: self }
    }
}

/// What deleting a document would do: [`CascadePlan`].
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct PlanDelete<'a, T: Document> {
    delete: Delete<'a, T>,
}

request!(impl['a, T: Document] PlanDelete<'a, T> => CascadePlan, |this| async move {
    let session = &this.delete.session;
    let collection = session.engine().collection::<T>();
    let id = encode_key(&collection, &this.delete.key)?;
    cascade::plan(session.view(), &collection, &id).await.map_err(|error| error.during("delete"))
});

type Running<'a, T> = BoxFuture<'a, Result<Stored<T>>>;

macro_rules! writing {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[must_use = "a request does nothing until it is awaited"]
        pub struct $name<'a, T> {
            session: Session<'a>,
            running: Running<'a, T>,
        }

        impl<'a, T> $name<'a, T> {
            fn session(&self) -> &Session<'a> {
                &self.session
            }
        }

        impl<T> std::fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<'a, T: Document> IntoFuture for $name<'a, T> {
            type Output = Result<Stored<T>>;
            type IntoFuture = Running<'a, T>;

            fn into_future(self) -> Self::IntoFuture {
                self.running
            }
        }
    )*};
}
writing! {
    /// Creates a document that must not be there yet.
    Create;
    /// Changes a document by a closure.
    Update;
    /// Creates a document or replaces the one with its key.
    Upsert;
    /// Replaces whatever is there.
    Overwrite;
}

impl<'a, T: Document> Create<'a, T> {
    pub(crate) fn new(session: Session<'a>, new: impl IntoDocument<T> + Send + 'a) -> Self {
        let of = session.clone();
        let running = Box::pin(async move {
            let engine = session.engine();
            create::create(session.view(), &engine.collection::<T>(), new)
                .await
                .map_err(|error| error.during("create"))
        });
        Self {
            session: of,
            running,
        }
    }
}

impl<'a, T: Document> Update<'a, T> {
    pub(crate) fn new(
        session: Session<'a>,
        key: &T::Key,
        change: impl FnMut(&mut T) -> Result<()> + Send + 'a,
    ) -> Self {
        let key = key.clone();
        let of = session.clone();
        let running = Box::pin(async move {
            let engine = session.engine();
            let updated =
                update::update(session.view(), &engine.collection::<T>(), &key, change).await;
            updated.map_err(|error| error.during("update"))
        });
        Self {
            session: of,
            running,
        }
    }
}

impl<'a, T: Document> Upsert<'a, T> {
    pub(crate) fn new(session: Session<'a>, new: impl IntoDocument<T> + Send + 'a) -> Self {
        let running = replacing(session.clone(), new, Members::Keep, "upsert");
        Self { session, running }
    }
}

impl<'a, T: Document> Overwrite<'a, T> {
    pub(crate) fn new(session: Session<'a>, new: impl IntoDocument<T> + Send + 'a) -> Self {
        let running = replacing(session.clone(), new, Members::Drop, "overwrite");
        Self { session, running }
    }
}

fn replacing<'a, T: Document>(
    session: Session<'a>,
    new: impl IntoDocument<T> + Send + 'a,
    members: Members,
    verb: &'static str,
) -> Running<'a, T> {
    Box::pin(async move {
        let collection = session.engine().collection::<T>();
        let replaced = replace::replace(session.view(), &collection, new, members).await;
        replaced.map_err(|error| error.during(verb))
    })
}

/// Writes a loaded document back.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Save<'a, T> {
    session: Session<'a>,
    document: &'a mut Stored<T>,
}

/// Deletes a loaded document.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Remove<'a, T> {
    session: Session<'a>,
    document: Stored<T>,
}

/// Reads a document again.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Reload<'a, T> {
    session: Session<'a>,
    document: &'a mut Stored<T>,
}

impl<'a, T> Save<'a, T> {
    pub(crate) fn new(session: Session<'a>, document: &'a mut Stored<T>) -> Self {
        Self { session, document }
    }

    fn session(&self) -> &Session<'a> {
        &self.session
    }
}
impl<'a, T> Remove<'a, T> {
    pub(crate) fn new(session: Session<'a>, document: Stored<T>) -> Self {
        Self { session, document }
    }

    fn session(&self) -> &Session<'a> {
        &self.session
    }
}
impl<'a, T> Reload<'a, T> {
    pub(crate) fn new(session: Session<'a>, document: &'a mut Stored<T>) -> Self {
        Self { session, document }
    }

    fn session(&self) -> &Session<'a> {
        &self.session
    }
}

request!(impl['a, T: Document] Save<'a, T> => (), |this| async move {
    let engine = this.session.engine();
    save::save(this.session.view(), &engine.collection::<T>(), this.document).await.map_err(|error| error.during("save"))
});

request!(impl['a, T: Document] Remove<'a, T> => (), |this| async move {
    let engine = this.session.engine();
    let removed = cascade::remove(this.session.view(), &engine.collection::<T>(), &this.document).await;
    removed.map_err(|error| error.during("remove"))
});

request!(impl['a, T: Document] Reload<'a, T> => (), |this| async move {
    let engine = this.session.engine();
    save::reload(this.session.view(), &engine.collection::<T>(), this.document).await.map_err(|error| error.during("reload"))
});

explained_verb!(impl['a, T: Document] Get<'a, T> => Option<Stored<T>>, "get", Reads);
explained_verb!(impl['a, T: Document] GetRequired<'a, T> => Stored<T>, "get", Reads);
explained_verb!(impl['a, T: Document] Exists<'a, T> => bool, "exists", Reads);
explained_verb!(impl['a, T: Document] Reload<'a, T> => (), "reload", Reads);
explained_verb!(impl['a, T: Document] Create<'a, T> => Stored<T>, "create", Writes);
explained_verb!(impl['a, T: Document] Update<'a, T> => Stored<T>, "update", Writes);
explained_verb!(impl['a, T: Document] Upsert<'a, T> => Stored<T>, "upsert", Writes);
explained_verb!(impl['a, T: Document] Overwrite<'a, T> => Stored<T>, "overwrite", Writes);
explained_verb!(impl['a, T: Document] Save<'a, T> => (), "save", Writes);
explained_verb!(impl['a, T: Document] Remove<'a, T> => (), "remove", Deletes);
explained_verb!(impl['a, T: Document] Delete<'a, T> => bool, "delete", Deletes);
