//! Writers and readers.

use smarterbase_core::format::catalog::State;

use super::builders::{Rebuild, Registrar};
use super::world::{Copied, HOLD, IN_FLIGHT, Placed, Rule, World};

/// Somebody with a copy of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Writer(Writer),
    Reader(Reader),
    Rebuild(Rebuild),
    Registrar(Registrar),
    Done,
}

/// What can come next.
pub(crate) type Steps = Vec<(World, Client)>;

impl Client {
    pub(crate) fn begin_with(&mut self, copy: Copied) {
        match self {
            Self::Writer(writer) => writer.copy = Some(copy),
            Self::Reader(reader) => reader.copy = Some(copy),
            Self::Rebuild(_) | Self::Registrar(_) | Self::Done => {}
        }
    }

    pub(crate) fn steps(&self, world: &World) -> Steps {
        match self {
            Self::Writer(writer) => writer.steps(world),
            Self::Reader(reader) => reader.steps(world),
            Self::Rebuild(rebuild) => rebuild.steps(world),
            Self::Registrar(registrar) => registrar.steps(world),
            Self::Done => Vec::new(),
        }
    }

    /// Whether a put of it must land before the time goes on.
    pub(crate) fn is_overdue(&self, now: u8) -> bool {
        match self {
            Self::Writer(writer) => match writer.doing {
                Writing::Sent(at) => at + IN_FLIGHT <= now,
                _ => false,
            },
            _ => false,
        }
    }

    pub(crate) fn misses_something(&self) -> bool {
        match self {
            Self::Reader(reader) => match reader.doing {
                Reading::Believed { lacks } => lacks != 0,
                _ => false,
            },
            _ => false,
        }
    }
}

/// A question for the catalog that is not answered yet: since when, and what was read, once it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    asked_at: u8,
    read: Option<Option<Placed>>,
}

impl Question {
    fn at(now: u8) -> Self {
        Self {
            asked_at: now,
            read: None,
        }
    }

    /// It is read first; the answer comes at any time after that (rule S4).
    fn go_on(mut self, world: &World) -> Result<Self, Copied> {
        let Some(placed) = self.read else {
            self.read = Some(world.catalog);
            return Ok(self);
        };
        Err(Copied {
            placed,
            read_at: match world.keeps(Rule::AgesFromTheQuestion) {
                true => self.asked_at,
                false => world.now,
            },
        })
    }
}

/// Writes one document: agree ▸ announce ▸ put ▸ tell ▸ reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    document: u8,
    instance: u8,
    /// Whether it asked for the catalog once more.
    has_asked: bool,
    copy: Option<Copied>,
    hold_until: u8,
    doing: Writing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writing {
    Agreeing,
    Asking(Question),
    /// Its entry is announced, where its copy says so.
    Ready,
    Sent(u8),
    Landed,
    Replying,
}

impl Writer {
    pub(crate) fn new(document: u8) -> Self {
        Self {
            document,
            instance: 1,
            has_asked: false,
            copy: None,
            hold_until: 0,
            doing: Writing::Agreeing,
        }
    }

    /// Configured with another backend than the catalog names.
    pub(crate) fn on_instance(mut self, instance: u8) -> Self {
        self.instance = instance;
        self
    }

    /// With no other copy of the catalog than its first one.
    pub(crate) fn that_never_asks(mut self) -> Self {
        self.has_asked = true;
        self
    }

    fn steps(&self, world: &World) -> Steps {
        match self.doing {
            Writing::Agreeing => self.agree(world),
            Writing::Asking(question) => match question.go_on(world) {
                Ok(question) => self.then(world, Writing::Asking(question)),
                Err(copy) => self.adopt(world, copy),
            },
            Writing::Ready => self.send(world),
            Writing::Sent(_) => {
                let mut world = world.clone();
                world.documents |= 1 << self.document;
                self.then(&world, Writing::Landed)
            }
            Writing::Landed => self.tell(world),
            Writing::Replying => self.reply(world),
        }
    }

    fn then(&self, world: &World, doing: Writing) -> Steps {
        let writer = Self {
            doing,
            ..self.clone()
        };
        vec![(world.clone(), Client::Writer(writer))]
    }

    fn agree(&self, world: &World) -> Steps {
        let may_use =
            |copy: &Copied| world.is_young(*copy) || !world.keeps(Rule::WritesOnYoungCopies);
        let mut next = match self.has_asked {
            true => Vec::new(),
            false => self.then(world, Writing::Asking(Question::at(world.now))),
        };
        if let Some(copy) = self.copy.filter(may_use) {
            next.extend(self.announce(world, copy));
        }
        next
    }

    /// Whoever first sees a loss holds its replies (rule S3).
    fn adopt(&self, world: &World, copy: Copied) -> Steps {
        let before = self.copy.and_then(|copy| copy.placed);
        let shows_a_loss = match (before, copy.placed) {
            // Who saw it down held its replies then, and it was not ready since.
            (Some(before), Some(now))
                if before.state == State::Down
                    && now.state == State::Building
                    && now.generation == before.generation + 1 =>
            {
                false
            }
            (Some(before), Some(now)) => before.generation != now.generation,
            (None, Some(now)) => now.state == State::Down || now.generation > 1,
            (_, None) => false,
        };
        let mut writer = self.clone();
        writer.copy = Some(copy);
        writer.has_asked = true;
        if shows_a_loss && world.keeps(Rule::FirstSightIsHeld) {
            writer.hold(world);
        }
        writer.then(world, Writing::Agreeing)
    }

    fn hold(&mut self, world: &World) {
        if world.keeps(Rule::RepliesAreHeld) {
            self.hold_until = world.now + HOLD;
        }
    }

    /// Where its copy says that the index is maintained.
    fn maintained(copy: Option<Copied>) -> Option<Placed> {
        copy.and_then(|copy| copy.placed)
            .filter(|placed| matches!(placed.state, State::Building | State::Ready))
    }

    fn announce(&self, world: &World, copy: Copied) -> Steps {
        match Self::maintained(Some(copy)) {
            None => self.then(world, Writing::Ready),
            Some(_) if self.instance != 1 => match world.keeps(Rule::OnlyTheNamedInstance) {
                true => Vec::new(),                        // It must not write.
                false => self.then(world, Writing::Ready), // Into a wrong index.
            },
            Some(placed) => self.reach(world, placed, Writing::Ready, Writing::Agreeing),
        }
    }

    /// The index takes the entry; or it lost the generation, or cannot be reached: then it is down.
    fn reach(&self, world: &World, placed: Placed, done: Writing, down: Writing) -> Steps {
        let mut next = Vec::new();
        let mut taken = world.clone();
        match taken.entries(placed) {
            Some(entries) => {
                *entries |= 1 << self.document;
                next.extend(self.then(&taken, done));
            }
            None => next.extend(self.marked_down(world, placed, down)),
        }
        if world.cuts > 0 {
            let mut cut = world.clone();
            cut.cuts -= 1;
            next.extend(self.marked_down(&cut, placed, down));
        }
        next
    }

    fn marked_down(&self, world: &World, placed: Placed, doing: Writing) -> Steps {
        let mut world = world.clone();
        let now_placed = world.mark_down(Some(placed));
        let mut writer = self.clone();
        writer.copy = Some(Copied {
            placed: now_placed,
            read_at: world.now,
        });
        writer.hold(&world);
        writer.then(&world, doing)
    }

    /// The put is sent on a young copy only (rule S1).
    fn send(&self, world: &World) -> Steps {
        let is_young = self.copy.is_some_and(|copy| world.is_young(copy));
        match is_young || !world.keeps(Rule::WritesOnYoungCopies) {
            true => self.then(world, Writing::Sent(world.now)),
            false => self.then(world, Writing::Agreeing),
        }
    }

    fn tell(&self, world: &World) -> Steps {
        match Self::maintained(self.copy).filter(|_| self.instance == 1) {
            Some(placed) => self.reach(world, placed, Writing::Replying, Writing::Replying),
            None => self.then(world, Writing::Replying),
        }
    }

    fn reply(&self, world: &World) -> Steps {
        if world.now < self.hold_until {
            return Vec::new();
        }
        let mut world = world.clone();
        world.acknowledged |= 1 << self.document;
        vec![(world, Client::Done)]
    }
}

/// Asks the index, if its copy of the catalog says `ready`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    /// Whether it asked for the catalog once more.
    has_asked: bool,
    copy: Option<Copied>,
    doing: Reading,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Reading {
    #[default]
    Idle,
    Asking(Question),
    /// A query is under way, which must show these.
    Begun(u8),
    /// The index is asked.
    Scanning(u8, Placed),
    /// The index answered without these, which it should have shown.
    Answered {
        lacks: u8,
    },
    /// The answer was believed.
    Believed {
        lacks: u8,
    },
}

impl Reader {
    fn steps(&self, world: &World) -> Steps {
        match self.doing {
            Reading::Idle => {
                let mut next = self.then(world, Reading::Begun(world.acknowledged));
                if !self.has_asked {
                    next.extend(self.then(world, Reading::Asking(Question::at(world.now))));
                }
                next
            }
            Reading::Asking(question) => match question.go_on(world) {
                Ok(question) => self.then(world, Reading::Asking(question)),
                Err(copy) => {
                    let reader = Self {
                        has_asked: true,
                        copy: Some(copy),
                        ..self.clone()
                    };
                    reader.then(world, Reading::Idle)
                }
            },
            Reading::Begun(due) => self.scan(world, due),
            Reading::Scanning(due, placed) => match world.clone().entries(placed) {
                None => vec![(world.clone(), Client::Done)],
                Some(found) => {
                    let lacks = due & !*found;
                    self.then(world, Reading::Answered { lacks })
                }
            },
            Reading::Answered { lacks } => self.judge(world, lacks),
            Reading::Believed { .. } => Vec::new(),
        }
    }

    fn then(&self, world: &World, doing: Reading) -> Steps {
        let reader = Self {
            doing,
            ..self.clone()
        };
        vec![(world.clone(), Client::Reader(reader))]
    }

    /// A copy that is too old, or does not say `ready`, means that the index is not asked.
    fn scan(&self, world: &World, due: u8) -> Steps {
        let copy = self.copy.filter(|copy| world.is_young(*copy));
        let placed = copy.and_then(|copy| copy.placed);
        match placed.filter(|placed| placed.state == State::Ready) {
            Some(placed) => self.then(world, Reading::Scanning(due, placed)),
            None => vec![(world.clone(), Client::Done)],
        }
    }

    /// Rule S4: after the answer.
    fn judge(&self, world: &World, lacks: u8) -> Steps {
        let is_young = self.copy.is_some_and(|copy| world.is_young(copy));
        match is_young {
            true => self.then(world, Reading::Believed { lacks }),
            false => vec![(world.clone(), Client::Done)],
        }
    }
}
