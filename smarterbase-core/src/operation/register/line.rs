//! The line before a register: those of this process who want something of it, in the order of their coming.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Register, Sight, at, shift};
use crate::{
    error::{Code, Error, Result},
    format::{Key, path::EncodedId},
    operation::Engine,
};

/// How many registers a process remembers that nobody in it uses now.
const MOST_REMEMBERED: usize = 1_024;
/// How many may stand in a line; others wait until there is a place.
const LONGEST: usize = 4_096;
/// How many wishes one put carries out.
pub(super) const LARGEST_BATCH: usize = 1_024;
/// For how long a process believes that a register is as it left it. To be wrong costs a put that is lost.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// The registers of one kind of one open database.
#[derive(Debug)]
pub(crate) struct Lines<R: Register>(Mutex<Known<R>>);

/// By path and setting.
type Known<R> = HashMap<(Key, u64), Arc<Line<R>>>;

impl<R: Register> Default for Lines<R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R: Register> Lines<R> {
    /// The line of the register with this name. Lines with different settings keep their stocks apart.
    pub(crate) fn line(&self, name: &EncodedId, setting: u64) -> Arc<Line<R>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (R::key(name), setting);
        if lines.len() >= MOST_REMEMBERED && !lines.contains_key(&place) {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let new = || Arc::new(Line::new(name.clone()));
        lines.entry(place).or_insert_with(new).clone()
    }
}

/// One register, as this process knows it.
#[derive(Debug)]
pub(crate) struct Line<R: Register> {
    pub(crate) name: EncodedId,
    pub(crate) key: Key,
    places: Arc<Semaphore>,
    state: Mutex<State<R>>,
}

#[derive(Debug)]
struct State<R: Register> {
    waiting: VecDeque<Waiting<R>>,
    /// Whether a task carries wishes out.
    is_served: bool,
    stock: R::Stock,
    /// What the process left, and when.
    left: Option<(Sight<R>, Duration)>,
}

/// Somebody in the line.
#[derive(Debug)]
pub(super) struct Waiting<R: Register> {
    pub(super) wish: R::Wish,
    reply: oneshot::Sender<Result<R::Answer>>,
    _place: OwnedSemaphorePermit,
}

impl<R: Register> Waiting<R> {
    /// Who is gone wants nothing any more: a detached write only ends what is under way (rule S18).
    pub(super) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }

    pub(super) fn answer(self, answer: Result<R::Answer>) {
        drop(self.reply.send(answer));
    }
}

impl<R: Register> Line<R> {
    fn new(name: EncodedId) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            is_served: false,
            stock: R::Stock::default(),
            left: None,
        };
        Self {
            key: R::key(&name),
            name,
            places: Arc::new(Semaphore::new(LONGEST)),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the wish is carried out. Whoever stops waiting before it is sent has wanted nothing.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        engine: &Arc<Engine>,
        wish: R::Wish,
    ) -> Result<R::Answer> {
        let asked = self.stand(engine, wish).await;
        asked.map_err(|error| at::<R>(&self.name, error))
    }

    async fn stand(self: &Arc<Self>, engine: &Arc<Engine>, wish: R::Wish) -> Result<R::Answer> {
        engine.check_open()?;
        let place = self.places.clone().acquire_owned().await;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            wish,
            reply,
            _place: place.expect("the places of a line are never closed"),
        };
        if self.join(waiting) {
            shift::begin(engine, self);
        }
        answer.await.unwrap_or_else(|_| Err(no_reply()))
    }

    /// Takes a place at the end. Gives whether somebody must begin to serve the line.
    fn join(&self, waiting: Waiting<R>) -> bool {
        let mut state = self.lock();
        state.waiting.push_back(waiting);
        !std::mem::replace(&mut state.is_served, true)
    }

    /// Takes from the stock, if nobody stands in the line.
    pub(crate) fn take_from_stock<T>(
        &self,
        take: impl FnOnce(&mut R::Stock) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.lock();
        match state.is_served {
            true => None,
            false => take(&mut state.stock),
        }
    }

    /// What the line was left with, for who begins to serve it.
    pub(super) fn take_up(&self, now: Duration) -> (R::Stock, Option<Sight<R>>) {
        let mut state = self.lock();
        let left = state.left.take();
        let left = left.filter(|(_, since)| now < *since + BELIEVED_FOR);
        (
            std::mem::take(&mut state.stock),
            left.map(|(sight, _)| sight),
        )
    }

    /// The next ones, at most so many.
    pub(super) fn next(&self, most: usize) -> Vec<Waiting<R>> {
        let mut state = self.lock();
        let most = most.min(state.waiting.len());
        let next = state.waiting.drain(..most);
        next.filter(|waiting| !waiting.is_gone()).collect()
    }

    /// Ends the service if nobody waits, and leaves what the next one begins with.
    pub(super) fn leave(
        &self,
        stock: &mut R::Stock,
        sight: &mut Option<Sight<R>>,
        now: Duration,
    ) -> bool {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            return false;
        }
        state.is_served = false;
        state.stock = std::mem::take(stock);
        state.left = sight.take().map(|sight| (sight, now));
        true
    }

    /// The service ended without having been done: whoever waits gets no reply.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.is_served = false;
        state.waiting.clear();
    }
}

fn no_reply() -> Error {
    let text = "the change ended without a reply (was the runtime shut down?)";
    Error::new(Code::OUTCOME_UNKNOWN, text)
}
