//! Sequences: numbers that are never given out twice.

use std::sync::Arc;

use crate::{
    db::{Db, request},
    error::{Code, Error, Result},
    operation::{
        Engine,
        register::{self, Line, audit},
        sequence::{self, Wanted},
    },
};

pub use crate::db::request::sequence::SequenceInfo;

/// How many numbers are reserved at once, unless the handle says otherwise.
const BLOCK: u32 = 64;

/// One sequence, from [`Db::sequence`]. Cheap to clone and to keep.
///
/// No number is ever given out twice, by any process. In one process every number is greater than those that were given out
/// before it was asked for. Numbers are reserved in blocks, by one compare-and-swap each, so **there are gaps**: a process
/// that ends leaves at most a block of each sequence (and setting of [`block`](Self::block)) unused, and a reservation whose
/// outcome is unknown leaves another one. Between processes numbers of different blocks are not in the order of time; with
/// `block(1)` they are.
#[derive(Clone, Debug)]
pub struct Sequence {
    engine: Arc<Engine>,
    name: String,
    /// `None`: the name cannot be used, which the first request says.
    line: Option<Arc<Line<sequence::Sequence>>>,
    block: u32,
}

impl Sequence {
    /// How many numbers are reserved at once: 64 by default, at least 1.
    ///
    /// With 1 nothing is kept for later, which costs a put for each call (or one for all that wait in this process), and every
    /// number is greater than all that any process was given before the call.
    #[must_use]
    pub fn block(mut self, block: u32) -> Self {
        self.block = block.max(1);
        let (lines, block) = (&self.engine.sequences, u64::from(self.block));
        self.line = self.line.map(|line| lines.line(&line.name, block));
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn line(&self) -> Result<&Arc<Line<sequence::Sequence>>> {
        match &self.line {
            Some(line) => Ok(line),
            None => Err(register::unusable::<sequence::Sequence>(&self.name)),
        }
    }

    /// The next number. The first one is 1.
    ///
    /// No request while the block lasts; then 1 PUT for all who wait in this process, and a GET before it when this process
    /// did not reserve any in the last seconds.
    ///
    /// ```
    /// # use smarterbase_core::{db::Db, Result};
    /// # async fn example(db: Db) -> Result<()> {
    /// let invoices = db.sequence("invoices");
    /// let (one, next) = (invoices.next().await?, invoices.next().await?);
    /// assert!(next > one);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// No number was handed out:
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-CONTENTION`): other processes kept winning.
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only or closed, or the sequence is at the end of its 64
    ///   bits.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer; a block may be skipped.
    pub async fn next(&self) -> Result<u64> {
        let numbers = self.hand_out(1).await.map_err(failed)?;
        Ok(numbers[0])
    }

    /// The next `count` numbers, in their order. They need not follow one another.
    ///
    /// # Errors
    /// As [`next`](Self::next), and [`Refused`](crate::ErrorKind::Refused) (`SB-TOO-MANY`) for more than one call may collect
    /// ([`Limits::collect`](crate::operation::limits::Limits::collect)).
    pub async fn next_many(&self, count: usize) -> Result<Vec<u64>> {
        let most = self.engine.limits.collect;
        if count > most {
            let text = format!("{count} numbers are more than one call may collect, {most}");
            return Err(failed(Error::new(Code::TOO_MANY, text)));
        }
        match count {
            0 => Ok(Vec::new()),
            count => self.hand_out(count).await.map_err(failed),
        }
    }

    async fn hand_out(&self, count: usize) -> Result<Vec<u64>> {
        let line = self.line()?;
        self.engine.check_open()?;
        let numbers = u64::try_from(count).unwrap_or(u64::MAX);
        let in_stock = line.take_from_stock(|stock| {
            let is_enough = stock.end - stock.start >= numbers;
            is_enough.then(|| stock.by_ref().take(count).collect())
        });
        if let Some(numbers) = in_stock {
            return Ok(numbers);
        }
        let wanted = Wanted {
            numbers,
            block: u64::from(self.block),
        };
        line.ask(&self.engine, wanted).await
    }

    /// The first number that nobody has reserved: every number that was handed out so far is less. 1 GET.
    ///
    /// # Errors
    /// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): what is stored cannot be read.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn peek(&self) -> Result<u64> {
        let read = async { self.line()?.read(&self.engine).await };
        Ok(read.await.map_err(failed)?.next)
    }
}

fn failed(error: Error) -> Error {
    error.during("sequence")
}

impl Db {
    /// The sequence `name`, which all processes on this database share. No request is made. Names are as ids: 1 to 200 bytes
    /// when encoded; another one is [`Invalid`](crate::ErrorKind::Invalid) when it is used. The document of a name stays for
    /// ever, so do not make names up without end.
    #[must_use]
    pub fn sequence(&self, name: impl Into<String>) -> Sequence {
        let name = name.into();
        let encoded = register::encode_name::<sequence::Sequence>(&name).ok();
        let lines = &self.engine.sequences;
        Sequence {
            line: encoded.map(|name| lines.line(&name, u64::from(BLOCK))),
            name,
            engine: self.engine.clone(),
            block: BLOCK,
        }
    }

    /// The sequences of this database, by name.
    pub fn list_sequences(&self) -> request::ListSequences<'_> {
        request::ListSequences::new(self)
    }

    /// Moves a sequence up to `next`, if it still is as it was seen, and leaves the reason in its document: after numbers of
    /// elsewhere were taken over, or documents were restored that have greater ones. Processes go on to hand out what they
    /// reserved before.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): numbers from `next` on may have been handed out; or there is no reason, or it is
    ///   longer than 500 bytes.
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-REVISION`): it was changed since. Nothing was written.
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only or closed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the store does not
    ///   answer.
    pub async fn repair_sequence(
        &self,
        seen: &SequenceInfo,
        next: u64,
        reason: &str,
    ) -> Result<()> {
        let repair = audit::mark(&self.engine, reason, seen.next)?;
        let repaired =
            audit::repair::<sequence::Sequence>(&self.engine, &seen.seen, move |stored| {
                if next < stored.next {
                    let text = "a sequence never goes back: lower numbers may have been handed out";
                    return Err(Error::new(Code::INVALID, text));
                }
                Ok(crate::format::sequence::Sequence {
                    next,
                    repair: Some(repair),
                })
            });
        repaired
            .await
            .map_err(|error| error.during("repair_sequence"))
    }
}
