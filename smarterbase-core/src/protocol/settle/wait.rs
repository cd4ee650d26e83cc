//! Waiting for an intent that is in the way, and aborting it.

use super::{
    Aim, Bearer, Doing, Outcome, Reply, Request, Rules, SettleMachine, Settled, Step, store,
};
use crate::{
    format::{
        intent::{Attempt, Home},
        path,
        record::Record,
    },
    port::{Attempt as Answer, Expect, Rng},
};

impl<R: Rules> SettleMachine<R> {
    pub(super) fn wait(&mut self, bearer: Bearer) -> Step<Outcome> {
        let intent = bearer.opened.envelope.intent.as_ref();
        let (Some(intent), Aim::Read(settler) | Aim::Replace(settler)) = (intent, &self.aim) else {
            return bearer.unsettled(true);
        };
        let request = Request::Await {
            intent: intent.write,
            patience: settler.patience(intent),
        };
        self.doing = Doing::Waiting(bearer);
        Step::Do(request)
    }

    pub(super) fn waited(&mut self, bearer: Bearer, reply: &Reply, rng: &dyn Rng) -> Step<Outcome> {
        match (reply, &bearer.opened.envelope.intent) {
            (Reply::PatienceIsOver, Some(intent)) => match intent.home {
                Home::Record => self.abort(&intent.transaction.clone(), rng),
                Home::Own => self.remove(bearer, rng),
            },
            _ => self.next_round(),
        }
    }

    /// What became of it the record and the object tell, which are looked at again.
    fn abort(&mut self, attempt: &Attempt, rng: &dyn Rng) -> Step<Outcome> {
        self.doing = Doing::Aborting;
        Step::Do(Request::Put {
            key: path::record(attempt),
            expect: Expect::Absent,
            body: Record::aborted(attempt.clone()).seal(rng.nonce()),
        })
    }

    pub(super) fn abort_answer(&mut self, reply: Reply) -> Step<Outcome> {
        match reply {
            Reply::Put(Answer::Applied(_) | Answer::Rejected) => self.next_round(),
            Reply::Put(Answer::Refused(error)) => store(error),
            _ => self.rest(),
        }
    }

    /// An intent that the object itself decides is aborted by the version without it.
    fn remove(&mut self, bearer: Bearer, rng: &dyn Rng) -> Step<Outcome> {
        let expect = Expect::Exactly(bearer.version.clone());
        let mut settled = bearer.rolled_back();
        settled.opened.envelope.put = rng.nonce();
        settled.bears_intent = false;
        let body = settled.object().bytes;
        self.doing = Doing::Removing(Box::new(settled));
        Step::Do(Request::Put {
            key: self.key.clone(),
            expect,
            body,
        })
    }

    pub(super) fn remove_answer(&mut self, mut settled: Settled, reply: Reply) -> Step<Outcome> {
        match reply {
            Reply::Put(Answer::Applied(version)) => {
                settled.version = version;
                Step::Done(Ok(Some(settled)))
            }
            Reply::Put(Answer::Refused(error)) => store(error),
            Reply::Put(Answer::Rejected) => self.next_round(),
            _ => self.rest(),
        }
    }
}
