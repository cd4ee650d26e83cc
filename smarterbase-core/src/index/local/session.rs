//! Sessions: while one is under way, the file may lack what was acknowledged, and says so.
//!
//! A session begins before the first change and ends with a durable transaction after the last one. Its nonce stands in
//! the file and, before anything is changed, in the database's store: what is found later with another nonce, or without
//! the mark of a good end, is an old copy, a copy of another database, or what a crash left, and nothing in it is believed.

use crate::{
    document::Version,
    error::Error,
    format::{Envelope, Nonce, local_index::LocalIndexSession, path},
    port::{Clock, IndexError, Object, Rng, index::Host},
    protocol::{Deadline, PutMachine, PutOutcome, drive},
};

/// How often the session's object is tried to be put when others change it.
const TRIES: usize = 4;

/// Whether the file may be changed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// The file is whole.
    Idle,
    Active,
    Closed,
}

/// The database that the file belongs to, and what its store says of the file.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) host: Host,
    seen: Option<(Version, Envelope, LocalIndexSession)>,
}

/// Whether somebody else's session was found in the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Own,
    Foreign,
}

impl Anchor {
    /// Asks the store. One GET.
    pub(super) async fn read(host: &Host) -> Result<Self, IndexError> {
        let object = host.store.get(&path::local_index()).await;
        Ok(Self {
            host: host.clone(),
            seen: object.map_err(IndexError::Store)?.map(open).transpose()?,
        })
    }

    /// The file and its session that may be believed.
    pub(super) fn session(&self) -> Option<&LocalIndexSession> {
        self.seen.as_ref().map(|(_, _, session)| session)
    }

    /// Names a new session. One PUT. Somebody else's that was found counts even where the new one could not be named.
    pub(super) async fn name(
        &mut self,
        file: Nonce,
        session: Nonce,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> (Found, Result<(), IndexError>) {
        let mut found = Found::Own;
        let named = self.take_place(&mut found, file, session, clock, rng);
        let named = named.await;
        (found, named)
    }

    async fn take_place(
        &mut self,
        found: &mut Found,
        file: Nonce,
        session: Nonce,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<(), IndexError> {
        for _ in 0..TRIES {
            match self.put(file, session, clock, rng).await {
                PutOutcome::Applied(Some(_)) => return Ok(()),
                PutOutcome::Applied(None) => {
                    *found = Found::Foreign;
                    *self = Self::read(&self.host).await?;
                }
                PutOutcome::Lost(object) => {
                    self.seen = object.map(open).transpose()?;
                    *found = Found::Foreign;
                }
                PutOutcome::Refused(error) | PutOutcome::Unknown(error) => {
                    return Err(IndexError::Store(error));
                }
            }
        }
        let text = "other processes keep taking over the database's local index";
        Err(IndexError::Unavailable(text.to_owned()))
    }

    async fn put(
        &mut self,
        file: Nonce,
        session: Nonce,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> PutOutcome {
        let before = self.seen.as_ref();
        let envelope = Envelope::next(
            before.map(|(_, envelope, _)| envelope),
            rng.nonce(),
            rng.nonce(),
        );
        let unknown = before.map(|(_, _, session)| session.unknown.clone());
        let next = LocalIndexSession {
            file,
            session,
            unknown: unknown.unwrap_or_default(),
        };
        let base = before.map(|(version, envelope, _)| (version.clone(), envelope.clone()));
        let machine: PutMachine =
            PutMachine::new(path::local_index(), base, envelope.clone(), &next.body());
        let deadline = Deadline {
            at: clock.elapsed() + self.host.write_deadline,
        };
        let outcome = drive(&*self.host.store, clock, rng, deadline, machine).await;
        if let PutOutcome::Applied(Some(version)) = &outcome {
            self.seen = Some((version.clone(), envelope, next));
        }
        outcome
    }
}

fn open(object: Object) -> Result<(Version, Envelope, LocalIndexSession), IndexError> {
    let opened = LocalIndexSession::open(&object.bytes);
    let (envelope, session) = opened.map_err(|error: Error| {
        IndexError::Refused(format!("_sys/local-index.json cannot be read: {error}"))
    })?;
    Ok((object.version, envelope, session))
}
