//! The catalog of one definition on one backend, the index, the documents, and the time.

use std::{
    hash::{Hash, Hasher},
    mem::discriminant,
};

use smarterbase_core::format::catalog::State;

use super::clients::Client;

/// How old a copy of the catalog may be, in ticks (5 s). Two things in one tick have no order.
pub(crate) const OLDEST: u8 = 1;
/// How long a put may be on its way.
pub(crate) const IN_FLIGHT: u8 = 1;
/// How long replies are held: a tick more than a copy may be old (5.5 s).
pub(crate) const HOLD: u8 = OLDEST + 1;
/// How long a backfill waits: until a tick after the last put on an older copy.
pub(crate) const BACKFILL: u8 = OLDEST + IN_FLIGHT + 1;
/// When the world ends.
const LAST_TICK: u8 = 5;
const GENERATIONS: usize = 8;

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    BackfillWaits,
    WritesOnYoungCopies,
    RepliesAreHeld,
    FirstSightIsHeld,
    AgesFromTheQuestion,
    ReadyOverWhatWasBuilt,
    OnlyTheNamedInstance,
    NewOnesArePending,
}

/// What the catalog says; `None`: it does not know the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub state: State,
    pub generation: u8,
}

impl Hash for Placed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (discriminant(&self.state), self.generation).hash(hasher);
    }
}

/// A copy of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Copied {
    pub placed: Option<Placed>,
    pub read_at: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub now: u8,
    pub catalog: Option<Placed>,
    /// Per generation the documents in it; `None`: the index does not know the generation.
    pub index: [Option<u8>; GENERATIONS],
    pub documents: u8,
    pub acknowledged: u8,
    pub clients: Vec<Client>,
    /// How often the index may lose everything, and how often a client may fail to reach it.
    pub losses: u8,
    pub cuts: u8,
    broken: Option<Rule>,
}

impl World {
    pub(crate) fn new(state: State, generation: u8, clients: Vec<Client>) -> Self {
        let mut index = [None; GENERATIONS];
        if state == State::Ready {
            index[usize::from(generation)] = Some(0);
        }
        let mut world = Self {
            now: 0,
            catalog: Some(Placed { state, generation }),
            index,
            documents: 0,
            acknowledged: 0,
            clients,
            losses: 0,
            cuts: 0,
            broken: None,
        };
        world.copy_to_all();
        world
    }

    /// A world whose catalog does not know the definition.
    pub(crate) fn unregistered(clients: Vec<Client>) -> Self {
        let mut world = Self::new(State::Pending, 0, clients);
        world.catalog = None;
        world.copy_to_all();
        world
    }

    fn copy_to_all(&mut self) {
        let copy = Copied {
            placed: self.catalog,
            read_at: 0,
        };
        for client in &mut self.clients {
            client.begin_with(copy);
        }
    }

    pub(crate) fn with_losses(mut self, losses: u8) -> Self {
        self.losses = losses;
        self
    }

    pub(crate) fn with_cuts(mut self, cuts: u8) -> Self {
        self.cuts = cuts;
        self
    }

    pub(crate) fn without(mut self, rule: Rule) -> Self {
        self.broken = Some(rule);
        self
    }

    pub(crate) fn keeps(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    pub(crate) fn is_young(&self, copy: Copied) -> bool {
        self.now - copy.read_at <= OLDEST
    }

    /// Whether a query that was believed lacks what was acknowledged before it began.
    pub(crate) fn is_missing_something(&self) -> bool {
        self.clients.iter().any(Client::misses_something)
    }

    /// The definition is `down`, under a new generation, unless somebody else changed it since (rule S5).
    pub(crate) fn mark_down(&mut self, observed: Option<Placed>) -> Option<Placed> {
        if let Some(placed) = self.catalog.filter(|placed| {
            observed.map(|placed| placed.generation) == Some(placed.generation)
                && matches!(placed.state, State::Building | State::Ready)
        }) {
            self.catalog = Some(Placed {
                state: State::Down,
                generation: placed.generation + 1,
            });
        }
        self.catalog
    }

    /// The documents of a generation, as the index knows them.
    pub(crate) fn entries(&mut self, placed: Placed) -> Option<&mut u8> {
        self.index[usize::from(placed.generation)].as_mut()
    }

    /// Every state that can follow.
    pub(crate) fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        for client in 0..self.clients.len() {
            for (world, client_then) in self.clients[client].steps(self) {
                let mut world = world;
                world.clients[client] = client_then;
                next.push(world);
            }
        }
        if self.losses > 0 {
            let mut world = self.clone();
            world.losses -= 1;
            world.index = [None; GENERATIONS];
            next.push(world);
        }
        let is_overdue = self
            .clients
            .iter()
            .any(|client| client.is_overdue(self.now));
        if self.now < LAST_TICK && !is_overdue {
            let mut world = self.clone();
            world.now += 1;
            next.push(world);
        }
        next
    }
}
