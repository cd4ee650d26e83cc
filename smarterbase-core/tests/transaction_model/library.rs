//! Everything that a world is made of, numbered: objects by their bytes, clients by what they know.
//!
//! A client is a pure function of what it was told. So each of its steps is taken once, whatever the rest of the world
//! looks like, and a state of the world is a few numbers.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::Key,
    port::{Changed, Expect, Object, StoreError, StoreErrorKind},
    protocol::{Lane, Patience, Reply, Request, Rules},
};

use super::{
    client::Client,
    facts::{Facts, Kind},
    hasher::{Quickly, fingerprint},
};

/// The number of an object's path.
pub(crate) type KeyNumber = u8;
/// The number of an object's bytes; [`ABSENT`]: there is none. Also its version, as with a store that hashes.
pub(crate) type Content = u32;
/// The number of a client's state.
pub(crate) type Local = u32;

pub(crate) const ABSENT: Content = 0;

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ask {
    Get(KeyNumber),
    GetIfChanged(KeyNumber, Content),
    Put(KeyNumber, Content, Content),
    Delete(KeyNumber),
    Pause,
    /// For an intent, with or without patience.
    Await(bool),
    Confirm,
    Announce,
    /// The own announcement is taken back.
    Withdraw,
    /// What a range shows.
    Scan,
    /// What it shows beside these documents.
    Rescan(u16),
    /// The other client is done, or dead.
    EndOf(u8),
}

impl Ask {
    /// Whether it is answered without a look at anything that others change: when does not matter then.
    pub(crate) fn is_local(self) -> bool {
        matches!(self, Self::Pause | Self::Await(_) | Self::Confirm)
    }

    /// Whether a client that stops can leave it on its way.
    pub(crate) fn is_change(self) -> bool {
        matches!(
            self,
            Self::Put(..) | Self::Delete(_) | Self::Announce | Self::Withdraw
        )
    }
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    Begin,
    Got(Content),
    Unread,
    Unchanged,
    Gone,
    Now(Content),
    Applied(Content),
    Rejected,
    Unknown,
    Refused,
    Deleted,
    NotDeleted,
    Rested,
    TimeIsUp,
    PatienceIsOver,
    /// These documents are in the range.
    Found(u16),
    Yes,
    No,
    Crash,
}

/// The bytes of one object.
#[derive(Debug)]
pub(crate) struct Stored {
    object: Object,
    pub(crate) facts: Facts,
}

/// What is known of one state of a client.
#[derive(Debug)]
pub(crate) struct Known<R: Rules> {
    pub(crate) client: Client<R>,
    pub(crate) asks: Vec<(u8, Ask)>,
}

/// All numbers.
#[derive(Debug)]
pub(crate) struct Library<R: Rules> {
    keys: Vec<Key>,
    kinds: Vec<Kind>,
    contents: Vec<Stored>,
    by_bytes: HashMap<Bytes, Content>,
    clients: Vec<Arc<Known<R>>>,
    by_hash: HashMap<u128, Local, Quickly>,
    steps: HashMap<(Local, u8, Answer), Local, Quickly>,
}

impl<R: Rules> Library<R> {
    pub(crate) fn new() -> Self {
        let mut library = Self {
            keys: Vec::new(),
            kinds: Vec::new(),
            contents: Vec::new(),
            by_bytes: HashMap::new(),
            clients: Vec::new(),
            by_hash: HashMap::default(),
            steps: HashMap::default(),
        };
        library.content(&Bytes::from_static(b"{}")); // Number 0 is nothing.
        library
    }

    pub(crate) fn key(&mut self, key: &Key) -> KeyNumber {
        let known = self.keys.iter().position(|known| known == key);
        let number = known.unwrap_or_else(|| {
            self.keys.push(key.clone());
            self.kinds.push(Kind::of(key));
            self.keys.len() - 1
        });
        u8::try_from(number).expect("few keys")
    }

    pub(crate) fn known_key(&self, key: &Key) -> Option<KeyNumber> {
        let known = self.keys.iter().position(|known| known == key);
        known.map(|number| u8::try_from(number).expect("few keys"))
    }

    pub(crate) fn path(&self, key: KeyNumber) -> &Key {
        &self.keys[usize::from(key)]
    }

    pub(crate) fn kind(&self, key: KeyNumber) -> Kind {
        self.kinds[usize::from(key)]
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = KeyNumber> + use<R> {
        0..u8::try_from(self.keys.len()).expect("few keys")
    }

    pub(crate) fn content(&mut self, bytes: &Bytes) -> Content {
        if let Some(content) = self.by_bytes.get(bytes) {
            return *content;
        }
        let content = Content::try_from(self.contents.len()).expect("few objects");
        let object = Object {
            version: Version::from_e_tag(content.to_string()),
            bytes: bytes.clone(),
        };
        let facts = Facts::of(bytes);
        self.contents.push(Stored { object, facts });
        self.by_bytes.insert(bytes.clone(), content);
        content
    }

    /// What an object says; `None`: there is none.
    pub(crate) fn facts(&self, content: Content) -> Option<&Facts> {
        (content != ABSENT).then(|| &self.contents[content as usize].facts)
    }

    fn object(&self, content: Content) -> Option<Object> {
        (content != ABSENT).then(|| self.contents[content as usize].object.clone())
    }

    pub(crate) fn known(&self, local: Local) -> &Arc<Known<R>> {
        &self.clients[local as usize]
    }

    /// How many different states of clients, and objects, there were.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.clients.len(), self.contents.len())
    }

    pub(crate) fn begin(&mut self, client: Client<R>) -> Local {
        let begun = self.stepped(client, 0, Answer::Begin);
        self.intern(begun)
    }

    /// What becomes of a client when it is told something.
    pub(crate) fn told(&mut self, local: Local, lane: u8, answer: Answer) -> Local {
        if let Some(next) = self.steps.get(&(local, lane, answer)) {
            return *next;
        }
        let client = self.known(local).client.clone();
        let stepped = self.stepped(client, lane, answer);
        let next = self.intern(stepped);
        self.steps.insert((local, lane, answer), next);
        next
    }

    fn stepped(&mut self, mut client: Client<R>, lane: u8, answer: Answer) -> Client<R> {
        client.asks.remove(&lane);
        let asks = client.step(Lane::from(lane), answer, self);
        for (lane, ask) in asks {
            let lane = u8::try_from(lane).expect("few lanes");
            client.asks.insert(lane, ask);
        }
        client
    }

    fn intern(&mut self, client: Client<R>) -> Local {
        let hash = fingerprint(&client);
        if let Some(local) = self.by_hash.get(&hash) {
            return *local;
        }
        let local = Local::try_from(self.clients.len()).expect("few states");
        let asks = client.asks.iter().map(|(lane, ask)| (*lane, *ask));
        let asks = asks.collect();
        self.clients.push(Arc::new(Known { client, asks }));
        self.by_hash.insert(hash, local);
        local
    }
}

/// Between the requests of the shipped code and their numbers.
impl<R: Rules> Library<R> {
    /// A request, as it is asked; `own` says what the surroundings are asked for.
    pub(crate) fn ask(&mut self, request: &Request, seen: u16) -> Ask {
        match request {
            Request::Get(key) => Ask::Get(self.key(key)),
            Request::GetIfChanged(key, version) => {
                Ask::GetIfChanged(self.key(key), content_of(version))
            }
            Request::Put { key, expect, body } => {
                let expected = match expect {
                    Expect::Absent => ABSENT,
                    Expect::Exactly(version) => content_of(version),
                };
                Ask::Put(self.key(key), expected, self.content(body))
            }
            Request::Delete(key) => Ask::Delete(self.key(key)),
            Request::Pause(_) => Ask::Pause,
            Request::Await { patience, .. } => Ask::Await(*patience != Patience::Nobody),
            Request::Announce => Ask::Announce,
            Request::Rescan(_) => Ask::Rescan(seen),
            Request::Confirm => Ask::Confirm,
        }
    }

    /// An answer, as the machines hear it.
    pub(crate) fn reply(&self, answer: Answer) -> Reply {
        use smarterbase_core::port::Attempt;
        match answer {
            Answer::Got(content) => Reply::Got(Ok(self.object(content))),
            Answer::Unread => Reply::Got(Err(no_answer())),
            Answer::Unchanged => Reply::Changed(Ok(Changed::Unchanged)),
            Answer::Gone => Reply::Changed(Ok(Changed::Gone)),
            Answer::Now(content) => {
                let object = self.object(content).expect("something is there now");
                Reply::Changed(Ok(Changed::Now(object)))
            }
            Answer::Applied(content) => {
                let object = self.object(content).expect("something was put");
                Reply::Put(Attempt::Applied(object.version))
            }
            Answer::Rejected => Reply::Put(Attempt::Rejected),
            Answer::Unknown => Reply::Put(Attempt::Unknown(no_answer())),
            Answer::Refused => Reply::Put(Attempt::Refused(refusal())),
            Answer::Deleted => Reply::Deleted(Ok(())),
            Answer::NotDeleted => Reply::Deleted(Err(no_answer())),
            Answer::Rested => Reply::Rested,
            Answer::TimeIsUp => Reply::TimeIsUp,
            Answer::PatienceIsOver => Reply::PatienceIsOver,
            Answer::Found(documents) => Reply::Found(Ok(self.paths(documents))),
            Answer::Yes => Reply::Yes,
            Answer::No => Reply::No,
            Answer::Begin | Answer::Crash => Reply::Start,
        }
    }

    fn paths(&self, documents: u16) -> Vec<Key> {
        let keys = self.keys().filter(|key| documents >> key & 1 == 1);
        keys.map(|key| self.path(key).clone()).collect()
    }
}

/// What a version says. A first look asks for anything but no version: nothing has that.
fn content_of(version: &Version) -> Content {
    match version.e_tag.as_deref() {
        Some(e_tag) => e_tag.parse().expect("entity tags are numbers"),
        None => ABSENT,
    }
}

fn no_answer() -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, "no answer")
}

fn refusal() -> StoreError {
    StoreError::new(StoreErrorKind::Denied, "no")
}
