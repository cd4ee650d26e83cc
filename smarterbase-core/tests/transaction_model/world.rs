//! A small world: a store, its clients, and everything that can go wrong between them.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{Hash, Hasher},
};

use smarterbase_core::{
    format::{Envelope, Key},
    protocol::Rules,
};

use super::{
    client::{Client, Program},
    facts::Maker,
    hasher::{Print, Quick, Quickly},
    library::{ABSENT, Answer, Ask, Content, KeyNumber, Known, Library, Local},
};

/// Most objects, and most clients.
pub(crate) const MOST_KEYS: usize = 10;
pub(crate) const MOST_CLIENTS: usize = 5;

/// What may go wrong, and how often in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// How many of the faults below.
    pub budget: u8,
    /// How many clients stop for ever.
    pub crashes: u8,
    /// How many pauses each client may outlast.
    pub rests: u8,
    /// No answer to a change, which is carried out later, or never.
    pub lost: bool,
    /// The put was applied, and a resend below us was told "not the expected state".
    pub echo: bool,
    /// A 409: rejected for no reason.
    pub conflict: bool,
    /// The put is answered, and a copy of it arrives once more, later.
    pub duplicate: bool,
    /// A put is refused for good.
    pub refused: bool,
    /// A read is not answered.
    pub unread: bool,
    /// An answer that is later than those to requests that were sent after it.
    pub slow: bool,
    /// The time is up while a client waits for an intent.
    pub hurry: bool,
}

/// A change on its way that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Flight {
    Put(KeyNumber, Content, Content),
    Delete(KeyNumber),
    Announce(Maker),
    Withdraw(Maker),
}

/// Everything that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub objects: [Content; MOST_KEYS],
    /// Which attempts' entries are there.
    pub entries: u16,
    pub clients: [Local; MOST_CLIENTS],
    pub in_flight: Vec<Flight>,
    /// Answers that are on their way: the client, the lane, the answer.
    pub late: Vec<(u8, u8, Answer)>,
    /// Per client: whose operations had ended before its own began.
    pub after: [u8; MOST_CLIENTS],
    pub ended: u8,
    pub crashed: u8,
    /// The attempts whose writes happened.
    pub committed: u16,
    pub budget: u8,
    pub crashes: u8,
}

/// Everything that does not.
#[derive(Debug)]
pub(crate) struct World<R: Rules> {
    pub(crate) library: Library<R>,
    pub(crate) faults: Faults,
    pub(crate) clients: u8,
    /// The number of the document of each client's entry.
    pub(crate) entries: BTreeMap<u8, KeyNumber>,
    pub(crate) start: State,
    /// What is wrong with a step that was just taken.
    pub(crate) damage: Option<String>,
    /// States of everything that an order explains, so that each is looked at once.
    pub(crate) explained: HashSet<u128, Quickly>,
}

impl Flight {
    fn number(self) -> u64 {
        match self {
            Self::Put(key, expect, body) => {
                u64::from(key) << 56 | u64::from(expect) << 28 | u64::from(body)
            }
            Self::Delete(key) => 1 << 62 | u64::from(key),
            Self::Announce(maker) => 2 << 62 | u64::from(maker.bit()),
            Self::Withdraw(maker) => 3 << 62 | u64::from(maker.bit()),
        }
    }
}

impl State {
    /// What identifies it. Plain loops: this runs for every step, and tests are not optimized.
    pub(crate) fn fingerprint(&self) -> u128 {
        let mut print = Print::default();
        for pair in self.objects.chunks(2) {
            print.add(u64::from(pair[0]) << 32 | u64::from(pair[1]));
        }
        let mut after = 0;
        for client in 0..MOST_CLIENTS {
            print.add(u64::from(self.clients[client]));
            after = after << 8 | u64::from(self.after[client]);
        }
        print.add(after << 16 | u64::from(self.ended) << 8 | u64::from(self.crashed));
        print.add(u64::from(self.entries) << 16 | u64::from(self.committed));
        print.add(u64::from(self.budget) << 8 | u64::from(self.crashes));
        for flight in &self.in_flight {
            print.add(flight.number());
        }
        for late in &self.late {
            let mut quick = Quick::default();
            late.hash(&mut quick);
            print.add(quick.finish());
        }
        print.number()
    }
}

impl<R: Rules> World<R> {
    /// A world in which every client is about to send its first request.
    pub(crate) fn new(objects: Vec<(Key, Envelope, &[u8])>, faults: Faults) -> Self {
        let mut world = Self {
            library: Library::new(),
            faults,
            clients: 0,
            entries: BTreeMap::new(),
            start: State {
                objects: [ABSENT; MOST_KEYS],
                entries: 0,
                clients: [0; MOST_CLIENTS],
                in_flight: Vec::new(),
                late: Vec::new(),
                after: [0; MOST_CLIENTS],
                ended: 0,
                crashed: 0,
                committed: 0,
                budget: faults.budget,
                crashes: faults.crashes,
            },
            damage: None,
            explained: HashSet::default(),
        };
        for (key, envelope, body) in objects {
            let number = world.library.key(&key);
            let content = world.library.content(&envelope.seal(body));
            world.start.objects[usize::from(number)] = content;
        }
        world
    }

    pub(crate) fn with(mut self, program: Program) -> Self {
        let client = Client::new(self.clients, program, self.faults.rests);
        let local = self.library.begin(client);
        self.start.clients[usize::from(self.clients)] = local;
        self.clients += 1;
        self
    }

    /// Numbers a path before anybody uses it.
    pub(crate) fn number(&mut self, key: &Key) -> KeyNumber {
        self.library.key(key)
    }

    pub(crate) fn known(&self, state: &State, client: u8) -> &Known<R> {
        self.library.known(state.clients[usize::from(client)])
    }

    /// Whether the client is done or dead.
    pub(crate) fn is_over(&self, state: &State, client: u8) -> bool {
        self.known(state, client).client.is_over()
    }

    pub(crate) fn maker(&self, state: &State, client: u8) -> Maker {
        Maker {
            client,
            attempt: self.known(state, client).client.attempt(),
        }
    }

    /// The documents that the range shows.
    pub(crate) fn shown(&self, state: &State) -> u16 {
        let entries = self.entries.iter();
        let there = entries.filter(|(client, _)| {
            let entries = (0..Maker::ATTEMPTS).map(|attempt| Maker {
                client: **client,
                attempt,
            });
            entries
                .into_iter()
                .any(|maker| state.entries & maker.bit() != 0)
        });
        there.fold(0, |shown, (_, key)| shown | 1 << key)
    }

    /// Tells a client, and notes when its operation begins and ends.
    pub(crate) fn tell(&mut self, state: &mut State, client: u8, lane: u8, answer: Answer) {
        let number = usize::from(client);
        let local = state.clients[number];
        if local == self.start.clients[number] {
            state.after[number] = state.ended;
        }
        let next = self.library.told(local, lane, answer);
        state.clients[number] = next;
        if self.library.known(next).client.story().outcome.is_some() {
            state.ended |= 1 << client;
        }
    }

    /// What the client waits for.
    pub(crate) fn asks(&self, state: &State, client: u8) -> Vec<(u8, Ask)> {
        let asks = &self.known(state, client).asks;
        let is_answered = |lane: u8| {
            let mut late = state.late.iter();
            late.any(|(other, there, _)| (*other, *there) == (client, lane))
        };
        asks.iter()
            .filter(|(lane, _)| state.late.is_empty() || !is_answered(*lane))
            .copied()
            .collect()
    }
}
