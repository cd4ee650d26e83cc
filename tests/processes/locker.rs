//! One process that takes a lock, again and again, until it is killed; or once, to be stopped while it holds it.
//!
//! It tells its parent by lines: `enter <token> <time in ns>` once it holds the lock, `leave <token> <time in ns>` before it
//! gives it back. Times are of the machine's clock since its start, so those of two processes compare.

use std::{io::Write, path::PathBuf, time::Duration};

use smarterbase::prelude::*;
use smarterbase_core::{
    db::DbBuilder,
    port::{Clock, SystemClock},
    store::{FileOptions, FileStore},
};

/// After so long without a renewal others take over.
pub(crate) const LEASE: Duration = Duration::from_millis(1_500);

/// A report that must not be written by a holder of the past.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "reports")]
pub(crate) struct Report {
    #[key]
    pub(crate) id: String,
    pub(crate) by: Vec<String>,
}

/// What a worker is started with.
#[derive(Debug)]
pub(crate) struct Arguments {
    folder: PathBuf,
    redis: String,
    role: String,
}

const FOLDER: &str = "LOCKS_FOLDER";
const REDIS: &str = "LOCKS_REDIS";
const ROLE: &str = "LOCKS_ROLE";

impl Arguments {
    pub(crate) fn from_environment() -> Option<Self> {
        Some(Self {
            folder: std::env::var_os(FOLDER)?.into(),
            redis: std::env::var(REDIS).ok()?,
            role: std::env::var(ROLE).ok()?,
        })
    }

    pub(crate) fn environment(
        folder: &std::path::Path,
        redis: &str,
        role: &str,
    ) -> [(&'static str, String); 3] {
        let folder = folder.to_str().unwrap().to_owned();
        [
            (FOLDER, folder),
            (REDIS, redis.to_owned()),
            (ROLE, role.to_owned()),
        ]
    }
}

pub(crate) fn run(arguments: Arguments) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = open(&arguments.folder, &arguments.redis).await;
        match arguments.role.as_str() {
            "stalled" => stall(&db).await,
            _ => repeat(&db).await,
        }
    });
}

/// A folder without fsync: a killed process loses nothing that the system has.
pub(crate) async fn open(folder: &std::path::Path, redis: &str) -> Db {
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder, options).await.unwrap();
    let builder = Db::builder().store(std::sync::Arc::new(store));
    with_queue(builder, redis).await.open().await.unwrap()
}

#[cfg(feature = "redis")]
async fn with_queue(builder: DbBuilder, redis: &str) -> DbBuilder {
    use smarterbase::redis::{RedisLink, RedisLockQueue, RedisOptions};
    if redis.is_empty() {
        return builder;
    }
    let options = RedisOptions::from_url(redis).unwrap();
    let link = RedisLink::open(options).await.unwrap();
    builder.lock_queue(std::sync::Arc::new(RedisLockQueue::new(link)))
}

#[cfg(not(feature = "redis"))]
async fn with_queue(builder: DbBuilder, _redis: &str) -> DbBuilder {
    builder
}

async fn repeat(db: &Db) {
    let label = std::process::id().to_string();
    loop {
        let lock = db.lock("hot").lease(LEASE).holder(label.clone());
        let Ok(guard) = lock.await else { continue };
        tell(&format!("enter {}", guard.fencing_token()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        let is_lost = guard.is_lost();
        tell(&format!("leave {}", guard.fencing_token()));
        if is_lost {
            tell("lost");
        }
        drop(guard.release().await);
    }
}

/// Holds the lock inside of a transaction, until its parent writes a line; then it goes on as if nothing had happened.
async fn stall(db: &Db) {
    let guard = db.lock("hot").lease(LEASE).holder("stalled").await.unwrap();
    let token = guard.fencing_token();
    let (guard_ref, mut goes_on) = (&guard, Some(()));
    let fenced = db.transaction(|tx| {
        let waits = goes_on.take().is_some();
        async move {
            tx.fenced_by(guard_ref)?;
            let mut report = Report::get(&tx, &"report".to_owned()).required().await?;
            report.by.push("stalled, fenced".to_owned());
            report.save(&tx).await?;
            if waits {
                tell(&format!("enter {token}"));
                // Not asynchronous: a process that stands still runs no watchdog either.
                std::io::stdin().read_line(&mut String::new()).unwrap();
            }
            Ok(())
        }
    });
    match fenced.await {
        Ok(()) => tell("fenced: committed"),
        Err(error) => tell(&format!("fenced: {}", error.code())),
    }
    let unfenced = Report::update(db, &"report".to_owned(), |report| {
        report.by.push("stalled, without a fence".to_owned());
        Ok(())
    });
    tell(&format!("unfenced: {}", unfenced.await.is_ok()));
    tell(&format!("is_lost: {}", guard.is_lost()));
    match guard.release().await {
        Ok(()) => tell("release: ok"),
        Err(error) => tell(&format!("release: {}", error.code())),
    }
}

fn tell(text: &str) {
    let time = SystemClock.elapsed().as_nanos();
    let mut output = std::io::stdout().lock();
    // The parent may be gone; then so is this process, soon.
    let _ = writeln!(output, "{text} {time}").and_then(|()| output.flush());
}
