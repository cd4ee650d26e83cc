//! A small world: a store, its clients, and everything that can go wrong between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{
        Envelope, Key, Nonce,
        envelope::{State, open},
    },
    port::{Attempt, Expect, Object, Rng, StoreError, StoreErrorKind},
    protocol::{Reply, Request, Settler},
};

/// How a plain write waits for transactions; here there are none.
pub(crate) fn plain_settler() -> Settler {
    Settler {
        attempt: None,
        priority: None,
        grace: Duration::ZERO,
        lease: Duration::ZERO,
        longest: Duration::from_secs(10),
    }
}

/// One logical version: what lineages are made of.
pub(crate) type Written = (u64, Nonce);

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    Store(Request),
    Announce(Entry),
    Remove(Entry),
    /// Any one of the entries that are there.
    PickEntry,
}

/// What a client is told.
#[derive(Debug)]
pub(crate) enum Told {
    Begin,
    Store(Reply),
    Announced,
    /// No answer: it may be announced, or be announced later.
    NotAnnounced,
    Removed,
    Picked(Entry),
    NothingToPick,
}

/// An index entry as the model sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub value: u8,
    pub tag: String,
}

/// What a client said about one of its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Said {
    Applied,
    NeverApplied,
    Unknown,
}

/// A client: an operation of the engine, in its order, on the shipped machines.
pub(crate) trait Program: Clone + Debug + Hash {
    /// Takes an answer and says what it wants next, or that it is done.
    fn step(&mut self, told: Told, rng: &dyn Rng) -> Option<Want>;
    /// What it said about which write of which object.
    fn said(&self) -> Option<(Key, Written, Said)>;
    /// What must hold in every state.
    fn invariant(world: &World<Self>) -> Result<(), String>;
}

/// What may go wrong, and how often in all.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(crate) struct Faults {
    /// How many of the faults below.
    pub budget: u8,
    /// How many clients stop for ever.
    pub crashes: u8,
    /// How many pauses each client may outlast before its time is up.
    pub rests: u8,
    /// No answer to a put, which is applied later, or never.
    pub lost: bool,
    /// The put was applied, and a resend below us was told "not the expected state".
    pub echo: bool,
    /// A 409: rejected for no reason.
    pub conflict: bool,
    /// The put is answered, and a copy of it arrives once more, later.
    pub duplicate: bool,
    /// A read is refused for good.
    pub denied: bool,
    /// A read is not answered.
    pub unread: bool,
}

#[derive(Clone, Debug)]
struct Stored {
    version: Version,
    bytes: Bytes,
    envelope: Arc<Envelope>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Flight {
    Put {
        key: Key,
        expect: Option<Option<String>>,
        body: Bytes,
    },
    Announce(Entry),
    Remove(Entry),
}

#[derive(Clone, Debug)]
struct Client<P> {
    program: P,
    want: Option<Want>,
    drawn: u32,
    rests: u8,
}

/// How the store names versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// By the content, as S3 does.
    Content,
    /// By a counter that soon comes round: a broken store.
    Parity,
}

/// Everything.
#[derive(Clone, Debug)]
pub(crate) struct World<P> {
    objects: BTreeMap<Key, Stored>,
    history: Vec<(Key, Written)>,
    pub(crate) entries: BTreeSet<Entry>,
    in_flight: Vec<Flight>,
    clients: Vec<Client<P>>,
    faults: Faults,
    versions: Versions,
    puts: u8,
    damage: Option<String>,
}

/// Nonces that depend on the client and on how many it drew, so that equal states look equal.
#[derive(Debug)]
struct Numbers {
    client: u8,
    drawn: AtomicU32,
}

impl Rng for Numbers {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        bytes[0] = self.client;
        bytes[1..5].copy_from_slice(&drawn.to_be_bytes());
    }
}

impl<P: Program> World<P> {
    /// A world in which every client is about to send its first request.
    pub(crate) fn new(objects: Vec<(Key, Envelope)>, programs: Vec<P>, faults: Faults) -> Self {
        let mut world = Self {
            objects: BTreeMap::new(),
            history: Vec::new(),
            entries: BTreeSet::new(),
            in_flight: Vec::new(),
            clients: Vec::new(),
            faults,
            versions: Versions::Content,
            puts: 0,
            damage: None,
        };
        for (key, envelope) in objects {
            world.apply(&key, &Expect::Absent, &envelope.seal(b"{}"));
        }
        for program in programs {
            world.clients.push(Client {
                program,
                want: None,
                drawn: 0,
                rests: faults.rests,
            });
        }
        for client in 0..world.clients.len() {
            world.tell(client, Told::Begin);
        }
        world
    }

    pub(crate) fn with_versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        for stored in self.objects.values_mut() {
            stored.version = name(versions, self.puts, &stored.bytes);
        }
        self
    }

    /// The live documents.
    pub(crate) fn live(&self) -> impl Iterator<Item = (&Key, &Envelope)> {
        self.objects
            .iter()
            .map(|(key, stored)| (key, &*stored.envelope))
            .filter(|(_, envelope)| envelope.state == State::Live)
    }

    /// Whether everybody is done.
    pub(crate) fn is_over(&self) -> bool {
        self.clients.iter().all(|client| client.want.is_none())
    }

    pub(crate) fn programs(&self) -> impl Iterator<Item = &P> {
        self.clients.iter().map(|client| &client.program)
    }

    /// What identifies this state.
    pub(crate) fn state(&self) -> (u64, u64) {
        let mut hasher = DefaultHasher::new();
        for (key, stored) in &self.objects {
            (key, &stored.version, stored.envelope.put).hash(&mut hasher);
        }
        (
            &self.history,
            &self.entries,
            &self.in_flight,
            self.faults,
            self.puts,
        )
            .hash(&mut hasher);
        for client in &self.clients {
            (
                &client.program,
                client.want.is_some(),
                client.drawn,
                client.rests,
            )
                .hash(&mut hasher);
        }
        let first = hasher.finish();
        0xa5_u8.hash(&mut hasher);
        (first, hasher.finish())
    }

    /// What is wrong with this state.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        for client in &self.clients {
            let Some((key, written, said)) = client.program.said() else {
                continue;
            };
            let was_applied = self.history.contains(&(key.clone(), written));
            match said {
                Said::Applied if !was_applied => {
                    return Err(format!("{key}: said applied, was not"));
                }
                Said::NeverApplied if was_applied => {
                    return Err(format!("{key}: said never applied, was"));
                }
                _ => {}
            }
        }
        P::invariant(self)
    }
}

/// What can happen next.
impl<P: Program> World<P> {
    /// Every state that can follow.
    pub(crate) fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        for flight in 0..self.in_flight.len() {
            next.push(self.landed(flight));
        }
        for client in 0..self.clients.len() {
            self.moves_of(client, &mut next);
            if self.faults.crashes > 0 && self.clients[client].want.is_some() {
                next.push(self.crashed(client));
            }
        }
        next
    }

    fn landed(&self, flight: usize) -> Self {
        let mut world = self.clone();
        match world.in_flight.remove(flight) {
            Flight::Put { key, expect, body } => {
                let expect = match expect {
                    None => Expect::Absent,
                    Some(e_tag) => Expect::Exactly(Version {
                        e_tag,
                        generation: None,
                    }),
                };
                world.apply(&key, &expect, &body);
            }
            Flight::Announce(entry) => {
                world.entries.insert(entry);
            }
            Flight::Remove(entry) => {
                world.entries.remove(&entry);
            }
        }
        world
    }

    fn crashed(&self, client: usize) -> Self {
        let mut world = self.clone();
        world.faults.crashes -= 1;
        let want = world.clients[client].want.take();
        world.leave_in_flight(want);
        world
    }

    fn moves_of(&self, client: usize, next: &mut Vec<Self>) {
        match self.clients[client].want.clone() {
            None => {}
            Some(Want::Store(Request::Get(key))) => self.get(client, &key, next),
            Some(Want::Store(Request::Put { key, expect, body })) => {
                self.put(client, &key, &expect, &body, next);
            }
            Some(Want::Store(Request::Pause(_))) => self.pause(client, next),
            Some(Want::Store(other)) => unreachable!("only transactions ask for {other:?}"),
            Some(Want::Announce(entry)) => {
                let mut world = self.clone();
                world.entries.insert(entry.clone());
                next.push(world.told(client, Told::Announced));
                if let Some(mut world) = self.faulty(self.faults.lost) {
                    world.fly(Flight::Announce(entry));
                    next.push(world.told(client, Told::NotAnnounced));
                }
            }
            Some(Want::Remove(entry)) => {
                let mut world = self.clone();
                world.entries.remove(&entry);
                next.push(world.told(client, Told::Removed));
                if let Some(mut world) = self.faulty(self.faults.lost) {
                    world.fly(Flight::Remove(entry));
                    next.push(world.told(client, Told::Removed));
                }
            }
            Some(Want::PickEntry) if self.entries.is_empty() => {
                next.push(self.clone().told(client, Told::NothingToPick));
            }
            Some(Want::PickEntry) => {
                for entry in &self.entries {
                    next.push(self.clone().told(client, Told::Picked(entry.clone())));
                }
            }
        }
    }

    fn get(&self, client: usize, key: &Key, next: &mut Vec<Self>) {
        let found = self.objects.get(key).map(|stored| Object {
            version: stored.version.clone(),
            bytes: stored.bytes.clone(),
        });
        let reply = Told::Store(Reply::Got(Ok(found)));
        next.push(self.clone().told(client, reply));
        let kinds = [
            (self.faults.denied, StoreErrorKind::Denied),
            (self.faults.unread, StoreErrorKind::Timeout),
        ];
        for (is_possible, kind) in kinds {
            if let Some(world) = self.faulty(is_possible) {
                let reply = Told::Store(Reply::Got(Err(StoreError::new(kind, "no"))));
                next.push(world.told(client, reply));
            }
        }
    }

    fn put(&self, client: usize, key: &Key, expect: &Expect, body: &Bytes, next: &mut Vec<Self>) {
        let answered = |mut world: Self, copy: Option<Flight>| {
            let attempt = match world.apply(key, expect, body) {
                Some(version) => Attempt::Applied(version),
                None => Attempt::Rejected,
            };
            world.in_flight.extend(copy);
            world.in_flight.sort();
            world.told(client, Told::Store(Reply::Put(attempt)))
        };
        next.push(answered(self.clone(), None));
        if let Some(world) = self.faulty(self.faults.duplicate) {
            next.push(answered(world, Some(flight(key, expect, body))));
        }
        if let Some(mut world) = self.faulty(self.faults.lost) {
            world.fly(flight(key, expect, body));
            let error = StoreError::new(StoreErrorKind::Timeout, "no answer");
            next.push(world.told(client, Told::Store(Reply::Put(Attempt::Unknown(error)))));
        }
        let rejected = || Told::Store(Reply::Put(Attempt::Rejected));
        if let Some(world) = self.faulty(self.faults.conflict) {
            next.push(world.told(client, rejected()));
        }
        if let Some(mut world) = self.faulty(self.faults.echo)
            && world.apply(key, expect, body).is_some()
        {
            next.push(world.told(client, rejected()));
        }
    }

    fn pause(&self, client: usize, next: &mut Vec<Self>) {
        next.push(self.clone().told(client, Told::Store(Reply::TimeIsUp)));
        let mut world = self.clone();
        if world.clients[client].rests > 0 {
            world.clients[client].rests -= 1;
            next.push(world.told(client, Told::Store(Reply::Rested)));
        }
    }

    /// One fault further, when faults of this kind happen and the budget is not used up.
    fn faulty(&self, is_possible: bool) -> Option<Self> {
        (is_possible && self.faults.budget > 0).then(|| {
            let mut world = self.clone();
            world.faults.budget -= 1;
            world
        })
    }

    fn told(mut self, client: usize, told: Told) -> Self {
        self.tell(client, told);
        self
    }

    fn tell(&mut self, client: usize, told: Told) {
        let state = &mut self.clients[client];
        let numbers = Numbers {
            client: u8::try_from(client).expect("few clients") + 1,
            drawn: AtomicU32::new(state.drawn),
        };
        state.want = state.program.step(told, &numbers);
        state.drawn = numbers.drawn.into_inner();
    }

    /// Runs `client` to its put, which is answered with a 409, without exploring anything else.
    pub(crate) fn with_conflict_for(mut self, client: usize) -> Self {
        while !matches!(
            self.clients[client].want,
            Some(Want::Store(Request::Put { .. }))
        ) {
            self = self.undisturbed(client);
        }
        self.told(client, Told::Store(Reply::Put(Attempt::Rejected)))
    }

    /// Runs `client` to its end, without exploring anything else.
    pub(crate) fn with_all_of(mut self, client: usize) -> Self {
        while self.clients[client].want.is_some() {
            self = self.undisturbed(client);
        }
        self
    }

    fn undisturbed(self, client: usize) -> Self {
        let mut next = Vec::new();
        self.moves_of(client, &mut next);
        next.swap_remove(0)
    }
}

/// The store.
impl<P: Program> World<P> {
    fn leave_in_flight(&mut self, want: Option<Want>) {
        match want {
            Some(Want::Store(Request::Put { key, expect, body })) => {
                self.fly(flight(&key, &expect, &body));
            }
            Some(Want::Announce(entry)) => self.fly(Flight::Announce(entry)),
            Some(Want::Remove(entry)) => self.fly(Flight::Remove(entry)),
            _ => {}
        }
    }

    fn fly(&mut self, flight: Flight) {
        self.in_flight.push(flight);
        self.in_flight.sort();
    }

    fn apply(&mut self, key: &Key, expect: &Expect, body: &Bytes) -> Option<Version> {
        let current = self.objects.get(key);
        let fits = match (expect, current) {
            (Expect::Absent, None) => true,
            (Expect::Exactly(version), Some(current)) => *version == current.version,
            _ => false,
        };
        if !fits {
            return None;
        }
        let envelope = Arc::new(open(body).expect("machines write envelopes").envelope);
        self.record(key, &envelope);
        self.puts = match self.versions {
            Versions::Content => 0,
            Versions::Parity => (self.puts + 1) % 2,
        };
        let version = name(self.versions, self.puts, body);
        self.objects.insert(
            key.clone(),
            Stored {
                version: version.clone(),
                bytes: body.clone(),
                envelope,
            },
        );
        Some(version)
    }

    /// Keeps the history, and notices a version that does not follow the one that it replaces.
    fn record(&mut self, key: &Key, envelope: &Envelope) {
        let written = (envelope.rev, envelope.write);
        let before = self
            .objects
            .get(key)
            .map(|stored| (stored.envelope.rev, stored.envelope.write));
        if before == Some(written) {
            return;
        }
        let says = envelope.prev.first().map(|past| (past.rev, past.write));
        if says != before {
            self.damage = Some(format!(
                "{key}: a version replaced one that it does not follow"
            ));
        }
        self.history.push((key.clone(), written));
    }
}

fn flight(key: &Key, expect: &Expect, body: &Bytes) -> Flight {
    Flight::Put {
        key: key.clone(),
        expect: match expect {
            Expect::Absent => None,
            Expect::Exactly(version) => Some(version.e_tag.clone()),
        },
        body: body.clone(),
    }
}

fn name(versions: Versions, puts: u8, body: &Bytes) -> Version {
    Version::from_e_tag(match versions {
        Versions::Parity => puts.to_string(),
        Versions::Content => {
            let mut hasher = DefaultHasher::new();
            body.hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        }
    })
}
