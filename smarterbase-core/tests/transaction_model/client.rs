//! A client: one operation of the engine, in its order, on the shipped machines.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use smarterbase_core::{
    format::{Key, Nonce},
    port::Rng,
    protocol::{Lane, Rules},
};

use super::{
    claimer::Claimer,
    facts::{Maker, Value},
    job::{End, Job, Moved},
    library::{Answer, Ask, Library},
    medic::Medic,
    plain::Plain,
    transaction::Transaction,
};

/// How an operation ended, as its caller hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// What it wrote is there.
    Committed,
    /// It read, and what it read is right.
    Read,
    /// Nothing was written.
    Nothing,
    Unknown,
}

/// What an operation saw and did: what a serial order has to explain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Story {
    pub reads: BTreeMap<Key, Value>,
    pub writes: BTreeMap<Key, Value>,
    /// The attempt that the reads and writes are of.
    pub attempt: u8,
    pub outcome: Option<Outcome>,
    /// A wait-free read: in no order with other documents.
    pub is_peek: bool,
}

/// What a client does.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Program {
    Transaction(Box<Transaction>),
    Plain(Box<Plain>),
    Claimer(Box<Claimer>),
    Medic(Box<Medic>),
    /// Nothing any more.
    Over,
}

/// What comes after something has ended.
#[derive(Debug)]
pub(crate) enum Next<R: Rules> {
    Do(Job<R>),
    Over,
}

/// What a program knows of itself.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Own {
    pub maker: Maker,
    drawn: u32,
    pub story: Story,
    /// The documents that its range showed.
    pub seen: u16,
}

/// One client.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Client<R: Rules> {
    own: Own,
    program: Program,
    job: Option<Job<R>>,
    pub(crate) asks: BTreeMap<u8, Ask>,
    rests: u8,
}

/// Nonces that depend on the attempt and on how many it drew.
#[derive(Debug)]
struct Numbers {
    maker: Maker,
    drawn: AtomicU32,
}

impl Rng for Numbers {
    fn fill(&self, bytes: &mut [u8]) {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        bytes.fill(0);
        bytes[0] = self.maker.client + 1;
        bytes[1] = self.maker.attempt;
        bytes[2..6].copy_from_slice(&drawn.to_be_bytes());
    }
}

impl Own {
    pub(crate) fn nonce(&mut self) -> Nonce {
        self.draw(|rng| rng.nonce())
    }

    fn draw<T>(&mut self, work: impl FnOnce(&dyn Rng) -> T) -> T {
        let numbers = Numbers {
            maker: self.maker,
            drawn: AtomicU32::new(self.drawn),
        };
        let done = work(&numbers);
        self.drawn = numbers.drawn.into_inner();
        done
    }

    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.story.outcome.get_or_insert(outcome);
    }

    /// The next attempt of the same operation.
    pub(crate) fn begin_attempt(&mut self, attempt: u8) {
        self.maker.attempt = attempt;
        self.drawn = 0;
        self.seen = 0;
        self.story = Story {
            attempt,
            is_peek: self.story.is_peek,
            ..Story::default()
        };
    }
}

impl<R: Rules> Client<R> {
    pub(crate) fn new(client: u8, program: Program, rests: u8) -> Self {
        let maker = Maker { client, attempt: 0 };
        Self {
            own: Own {
                maker,
                drawn: 0,
                story: Story::default(),
                seen: 0,
            },
            program,
            job: None,
            asks: BTreeMap::new(),
            rests,
        }
    }

    pub(crate) fn story(&self) -> &Story {
        &self.own.story
    }

    pub(crate) fn attempt(&self) -> u8 {
        self.own.maker.attempt
    }

    pub(crate) fn can_rest(&self) -> bool {
        self.rests > 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.job.is_none()
    }

    /// Takes an answer and says what else is wanted.
    pub(crate) fn step(
        &mut self,
        lane: Lane,
        answer: Answer,
        library: &mut Library<R>,
    ) -> Vec<(Lane, Ask)> {
        match answer {
            Answer::Begin => return self.advance(End::Begun, library),
            Answer::Crash => return self.stop(),
            Answer::Rested => self.rests = self.rests.saturating_sub(1),
            _ => {}
        }
        let mut job = self.job.take().expect("only a client at work is told");
        let reply = library.reply(answer);
        match self.own.draw(|rng| job.step(lane, answer, reply, rng)) {
            Moved::On(requests) => {
                self.job = Some(job);
                self.asked(&requests, library)
            }
            Moved::Ended(end) => self.advance(end, library),
        }
    }

    fn advance(&mut self, mut end: End, library: &mut Library<R>) -> Vec<(Lane, Ask)> {
        loop {
            let mut job = match self.program.next(end, &mut self.own) {
                Next::Over => return self.stop(),
                Next::Do(Job::Ask(ask)) => {
                    self.job = Some(Job::Ask(ask));
                    return vec![(0, ask)];
                }
                Next::Do(job) => job,
            };
            match self.own.draw(|rng| job.start(rng)) {
                Moved::On(requests) => {
                    self.job = Some(job);
                    return self.asked(&requests, library);
                }
                Moved::Ended(ended) => end = ended,
            }
        }
    }

    fn asked(
        &self,
        requests: &[(Lane, smarterbase_core::protocol::Request)],
        library: &mut Library<R>,
    ) -> Vec<(Lane, Ask)> {
        let asks = requests.iter();
        asks.map(|(lane, request)| (*lane, library.ask(request, self.own.seen)))
            .collect()
    }

    /// Nothing is left but the story.
    fn stop(&mut self) -> Vec<(Lane, Ask)> {
        self.program = Program::Over;
        self.job = None;
        self.asks.clear();
        self.rests = 0;
        self.own.drawn = 0;
        self.own.seen = 0;
        Vec::new()
    }
}

impl Program {
    fn next<R: Rules>(&mut self, end: End, own: &mut Own) -> Next<R> {
        match self {
            Self::Transaction(transaction) => transaction.next(end, own),
            Self::Plain(plain) => plain.next(end, own),
            Self::Claimer(claimer) => claimer.next(end, own),
            Self::Medic(medic) => medic.next(end),
            Self::Over => Next::Over,
        }
    }
}
