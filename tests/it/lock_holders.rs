//! Who holds a lock at this moment, as far as the holders themselves know: at most one may think that it does.

use std::sync::{Arc, Mutex, Weak};

use smarterbase::LockGuard;

/// Everybody who ever held one lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holders(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    guards: Vec<(u64, Weak<LockGuard>)>,
    last_token: u64,
    entered: u64,
    wrong: Vec<String>,
}

impl Holders {
    /// `client` was given the lock. Nobody else may take itself for the holder, and nobody had this token or a greater one.
    pub(crate) fn enter(&self, client: u64, guard: LockGuard) -> Arc<LockGuard> {
        let guard = Arc::new(guard);
        let mut inner = self.0.lock().unwrap();
        let token = guard.fencing_token();
        inner.guards.retain(|(_, other)| other.strong_count() > 0);
        let others = inner.guards.iter();
        let mut wrong: Vec<String> = others
            .filter(|(_, other)| other.upgrade().is_some_and(|other| !other.is_lost()))
            .map(|(other, _)| format!("client {client} holds what client {other} holds"))
            .collect();
        if token <= inner.last_token {
            let last = inner.last_token;
            wrong.push(format!(
                "client {client} has the token {token} after {last}"
            ));
        }
        inner.wrong.append(&mut wrong);
        inner.last_token = token;
        inner.entered += 1;
        inner.guards.push((client, Arc::downgrade(&guard)));
        guard
    }

    /// The token of who was given the lock last.
    pub(crate) fn last_token(&self) -> u64 {
        self.0.lock().unwrap().last_token
    }

    /// Something else was wrong.
    pub(crate) fn complain(&self, text: String) {
        self.0.lock().unwrap().wrong.push(text);
    }

    /// How often the lock was given to anybody.
    pub(crate) fn entered(&self) -> u64 {
        self.0.lock().unwrap().entered
    }

    /// What was wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.0.lock().unwrap().wrong.clone()
    }
}
