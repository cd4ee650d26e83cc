//! Those in this process who wait to be woken by a message, and the channel on which messages come.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redis::{FromRedisValue, PushInfo};
use smarterbase_core::format::Nonce;
use tokio::sync::Notify;

/// One channel of this link alone: `sb:wake:<link>`. A message names the waiter that is woken.
#[derive(Debug)]
pub(crate) struct Inbox {
    link: Nonce,
    waiters: Mutex<HashMap<Nonce, Arc<Notify>>>,
}

impl Inbox {
    pub(super) fn new(link: Nonce) -> Self {
        Self {
            link,
            waiters: Mutex::default(),
        }
    }

    pub(super) fn channel(&self) -> String {
        format!("sb:wake:{}", self.link)
    }

    /// The name of a waiter in Redis, which says on which channel it listens.
    pub(crate) fn name(&self, waiter: Nonce) -> String {
        format!("{}/{waiter}", self.link)
    }

    /// From here on the waiter can be woken, also before it waits.
    pub(crate) fn listen(&self, waiter: Nonce) -> Arc<Notify> {
        self.waiters().entry(waiter).or_default().clone()
    }

    pub(crate) fn forget(&self, waiter: Nonce) {
        self.waiters().remove(&waiter);
    }

    /// A message came: its channel, and the waiter.
    pub(super) fn receive(&self, message: PushInfo) {
        let text = message
            .data
            .into_iter()
            .nth(1)
            .map(String::from_redis_value);
        let waiter = text
            .and_then(Result::ok)
            .and_then(|text| Nonce::parse(&text));
        let woken = waiter.and_then(|waiter| self.waiters().get(&waiter).cloned());
        if let Some(woken) = woken {
            woken.notify_one();
        }
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<Nonce, Arc<Notify>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
