//! The task that keeps a connection alive.

use std::{sync::Arc, time::Duration};

use smarterbase_core::Result;
use tokio::{task::JoinHandle, time::timeout};

use super::{
    connect::{self, ConnectError},
    node::{Live, Shared},
};

/// How often a live server is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(1);
/// How many pings pass between two checks of the server's settings, which somebody may change.
const PINGS_PER_CHECK: u32 = 30;
/// The shortest and the longest wait before connecting again.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Makes the first attempt to connect, so that a link is connected when it is open, and starts the task. The verdict is what
/// no waiting repairs.
pub(super) async fn start(shared: &Arc<Shared>) -> (JoinHandle<()>, Result<()>) {
    let (live, verdict) = match connect::connect(shared, 1).await {
        Ok(live) => {
            publish(shared, &live);
            (Some(live), Ok(()))
        }
        Err(error) => {
            note(shared, &error);
            (None, error.into_open_error())
        }
    };
    (tokio::spawn(supervise(shared.clone(), live)), verdict)
}

async fn supervise(shared: Arc<Shared>, mut live: Option<Arc<Live>>) {
    let mut generation = 1;
    let mut wait = FIRST_WAIT;
    loop {
        if let Some(live) = live.take() {
            wait = FIRST_WAIT;
            watch(&shared, &live).await;
        }
        shared.options.pause(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
        generation += 1;
        match connect::connect(&shared, generation).await {
            Ok(next) => {
                publish(&shared, &next);
                live = Some(next);
            }
            Err(error) => note(&shared, &error),
        }
    }
}

/// Returns when the connection is no longer the current one.
async fn watch(shared: &Shared, live: &Live) {
    let mut pings = 0;
    while is_current(shared, live) {
        if pings < PINGS_PER_CHECK {
            pings += 1;
            ping(shared, live).await;
        } else if check(shared, live).await {
            pings = 0;
        }
        // A kick says that a connection was dropped; the loop's condition says whether it was this one.
        let _elapsed = timeout(PING_EVERY, shared.kick.notified()).await;
    }
}

async fn ping(shared: &Shared, live: &Live) {
    let mut connection = live.connection.clone();
    let ping = redis::cmd("PING");
    match timeout(shared.options.deadline, ping.exec_async(&mut connection)).await {
        Ok(Ok(())) => {}
        Ok(Err(_broken)) => shared.drop_generation(live.generation),
        Err(_elapsed) => shared.count_timeout(live),
    }
}

/// Whether it came to a verdict; the next ping is a check as well otherwise.
async fn check(shared: &Shared, live: &Live) -> bool {
    let mut connection = live.connection.clone();
    match timeout(
        shared.options.deadline,
        connect::check(shared, &mut connection),
    )
    .await
    {
        Ok(Ok(())) => follow(shared, live).await,
        Ok(Err(error)) => {
            note(shared, &error);
            shared.drop_generation(live.generation);
            true
        }
        Err(_elapsed) => {
            shared.count_timeout(live);
            false
        }
    }
}

/// A primary that was cut off from its Sentinels still answers; they have another one by now. Whether they said where.
async fn follow(shared: &Shared, live: &Live) -> bool {
    if !shared.place.may_move() {
        return true;
    }
    let Ok(address) = shared.place.find().await else {
        return false;
    };
    if address.to_string() != live.address {
        shared.drop_generation(live.generation);
    }
    true
}

fn publish(shared: &Shared, live: &Arc<Live>) {
    shared.refused.store(None);
    shared.current.store(Some(live.clone()));
    shared.breaker.allow_probe();
    tracing::debug!(address = live.address, "connected to Redis");
}

/// Keeps why the server must not be used, and says it once.
fn note(shared: &Shared, error: &ConnectError) {
    if let ConnectError::Down(text) = error {
        // Nothing is refused by a server that does not answer; it may come back as another one.
        shared.refused.store(None);
        tracing::debug!(reason = text, "no connection to Redis");
        return;
    }
    let text = error.text().to_owned();
    let is_new = shared.refused.load().as_deref() != Some(&text);
    shared.refused.store(Some(Arc::new(text)));
    if is_new {
        tracing::warn!(reason = error.text(), "Redis is not used");
    }
}

fn is_current(shared: &Shared, live: &Live) -> bool {
    shared
        .current
        .load()
        .as_ref()
        .is_some_and(|current| current.generation == live.generation)
}
