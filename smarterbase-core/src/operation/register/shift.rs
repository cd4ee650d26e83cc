//! Serving a line: one task carries out the wishes of all who stand in it, many with one put.

use std::sync::Arc;

use super::{
    Line, Plan, Register, Sight, Swap, at, document,
    line::{LARGEST_BATCH, Waiting},
};
use crate::{
    error::{Code, Error},
    operation::{Engine, verb::update::back_off},
};

/// Begins to serve a line on a task of the database, until nobody stands in it.
pub(super) fn begin<R: Register>(engine: &Arc<Engine>, line: &Arc<Line<R>>) {
    let (stock, sight) = line.take_up(engine.clock.elapsed());
    let mut shift = Shift {
        engine: engine.clone(),
        line: line.clone(),
        stock,
        sight,
        is_over: false,
    };
    engine.tasks.spawn(async move { shift.serve().await });
}

struct Shift<R: Register> {
    engine: Arc<Engine>,
    line: Arc<Line<R>>,
    stock: R::Stock,
    /// What is believed to be stored.
    sight: Option<Sight<R>>,
    is_over: bool,
}

/// Those whose wishes are carried out together.
struct Batch<R: Register> {
    waiting: Vec<Waiting<R>>,
    /// Whether all of them came before what is known of the register was read.
    came_before_sight: bool,
}

impl<R: Register> Shift<R> {
    async fn serve(&mut self) {
        loop {
            let permit = self.engine.admit().await;
            let waiting = self.line.next(LARGEST_BATCH);
            match permit {
                Ok(_permit) => self.carry_out(waiting).await,
                Err(error) => self.refuse(waiting, &error),
            }
            let now = self.engine.clock.elapsed();
            if self.line.leave(&mut self.stock, &mut self.sight, now) {
                self.is_over = true;
                return;
            }
        }
    }

    async fn carry_out(&mut self, waiting: Vec<Waiting<R>>) {
        let mut batch = Batch {
            waiting,
            came_before_sight: false,
        };
        let attempts = self.engine.limits.update_attempts;
        let until = self.engine.clock.elapsed() + self.engine.limits.transactions.deadline;
        for attempt in 0..attempts {
            batch.waiting.retain(|waiting| !waiting.is_gone());
            if batch.waiting.is_empty() {
                return;
            }
            match self.attempt(batch).await {
                None => return,
                Some(unserved) => batch = unserved,
            }
            if self.engine.clock.elapsed() >= until {
                break;
            }
            if self.sight.is_some() {
                self.give_way(attempt).await;
                self.let_in(&mut batch);
            }
        }
        self.refuse(batch.waiting, &contention());
    }

    /// Gives back the batch that is to be tried again.
    async fn attempt(&mut self, mut batch: Batch<R>) -> Option<Batch<R>> {
        let sight = match self.sight.take() {
            Some(sight) => sight,
            None => match document::look(&self.engine, &self.line.key).await {
                Ok(sight) => {
                    batch.came_before_sight = true;
                    sight
                }
                Err(error) => {
                    self.refuse(batch.waiting, &error);
                    return None;
                }
            },
        };
        let content = sight.content();
        let wishes = batch.waiting.iter().map(|waiting| &waiting.wish);
        let plan = R::plan(&content, &self.stock, wishes);
        if plan.content != content {
            return self.put(batch, &sight, plan).await;
        }
        if plan.depends_on_content && !batch.came_before_sight {
            return Some(batch); // What is believed may be old: it is read again.
        }
        self.sight = Some(sight);
        self.reply(batch, plan);
        None
    }

    /// The commit point.
    async fn put(
        &mut self,
        mut batch: Batch<R>,
        sight: &Sight<R>,
        plan: Plan<R>,
    ) -> Option<Batch<R>> {
        match document::swap(&self.engine, &self.line.key, sight, &plan.content).await {
            Swap::Done(left) => {
                self.sight = left;
                self.reply(batch, plan);
                None
            }
            Swap::Lost(found) => {
                self.sight = Some(found);
                batch.came_before_sight = true;
                Some(batch)
            }
            Swap::Failed(error) => {
                self.refuse(batch.waiting, &error);
                None
            }
            Swap::Unknown(error) => {
                self.refuse(batch.waiting, &R::unknown(&error));
                None
            }
        }
    }

    fn reply(&mut self, batch: Batch<R>, plan: Plan<R>) {
        self.stock = plan.stock;
        for (waiting, answer) in batch.waiting.into_iter().zip(plan.answers) {
            waiting.answer(answer);
        }
    }

    fn refuse(&self, waiting: Vec<Waiting<R>>, error: &Error) {
        for waiting in waiting {
            waiting.answer(Err(at::<R>(&self.line.name, error.repeated())));
        }
    }

    /// After a lost race, as updates do; after more than a moment what was seen is old.
    async fn give_way(&mut self, attempt: u32) {
        back_off(&self.engine, attempt).await;
        if attempt > 0 {
            self.sight = None;
        }
    }

    /// Who came meanwhile goes along.
    fn let_in(&self, batch: &mut Batch<R>) {
        let more = self
            .line
            .next(LARGEST_BATCH.saturating_sub(batch.waiting.len()));
        batch.came_before_sight &= more.is_empty();
        batch.waiting.extend(more);
    }
}

/// Also when the runtime ends in the middle of it.
impl<R: Register> Drop for Shift<R> {
    fn drop(&mut self) {
        if !self.is_over {
            self.line.abandon();
        }
    }
}

fn contention() -> Error {
    let text = "others kept changing it; gave up, nothing was changed";
    Error::new(Code::CONTENTION, text)
}
