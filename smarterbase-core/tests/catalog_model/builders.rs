//! Whoever builds the index, and programs that bring a new definition.

use smarterbase_core::format::catalog::State;

use super::{
    clients::{Client, Steps},
    world::{BACKFILL, Placed, Rule, World},
};

/// Builds the index: `building`, wait, list, restore, `ready`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Rebuild {
    #[default]
    Beginning,
    Waiting {
        since: u8,
        generation: u8,
    },
    Restoring {
        documents: u8,
        generation: u8,
    },
    Finishing {
        generation: u8,
    },
}

impl Rebuild {
    pub(crate) fn steps(self, world: &World) -> Steps {
        match self {
            Self::Beginning => Self::begin(world),
            Self::Waiting { since, generation } => {
                let waits = world.keeps(Rule::BackfillWaits);
                match waits && world.now < since + BACKFILL {
                    true => Vec::new(),
                    false => Self::Restoring {
                        documents: world.documents,
                        generation,
                    }
                    .after(world.clone()),
                }
            }
            Self::Restoring {
                documents,
                generation,
            } => Self::restore(world, documents, generation),
            Self::Finishing { generation } => Self::finish(world, generation),
        }
    }

    fn after(self, world: World) -> Steps {
        vec![(world, Client::Rebuild(self))]
    }

    /// The index learns the generation before the catalog names it.
    fn begin(world: &World) -> Steps {
        let Some(placed) = world.catalog.filter(|placed| placed.state != State::Ready) else {
            return Vec::new();
        };
        let mut world = world.clone();
        let building = Placed {
            state: State::Building,
            generation: placed.generation + 1,
        };
        world.index[usize::from(building.generation)].get_or_insert(0);
        world.catalog = Some(building);
        Self::Waiting {
            since: world.now,
            generation: building.generation,
        }
        .after(world)
    }

    fn restore(world: &World, documents: u8, generation: u8) -> Steps {
        let mut world = world.clone();
        let placed = Placed {
            state: State::Building,
            generation,
        };
        match world.entries(placed) {
            Some(entries) => *entries |= documents,
            None => {
                world.mark_down(Some(placed));
                return vec![(world, Client::Done)];
            }
        }
        Self::Finishing { generation }.after(world)
    }

    /// Rule S5: over what was built only.
    fn finish(world: &World, generation: u8) -> Steps {
        let mut world = world.clone();
        let is_built = |placed: &&mut Placed| {
            placed.state == State::Building
                && (placed.generation == generation || !world.keeps(Rule::ReadyOverWhatWasBuilt))
        };
        let mut catalog = world.catalog;
        if let Some(placed) = catalog.as_mut().filter(is_built) {
            placed.state = State::Ready;
        }
        world.catalog = catalog;
        vec![(world, Client::Done)]
    }
}

/// A program that knows a definition which the catalog lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Registrar;

impl Registrar {
    /// Rule S10: even where nothing is stored yet, since others may hold a copy without the definition.
    pub(crate) fn steps(self, world: &World) -> Steps {
        let mut world = world.clone();
        let is_ready = world.documents == 0 && !world.keeps(Rule::NewOnesArePending);
        world.index[1] = Some(0);
        world.catalog = Some(Placed {
            state: match is_ready {
                true => State::Ready,
                false => State::Pending,
            },
            generation: 1,
        });
        vec![(world, Client::Done)]
    }
}
