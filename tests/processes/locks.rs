//! Processes that take one lock and are killed in the middle, while Redis is flushed, killed and started again.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use smarterbase_core::port::{Clock, SystemClock};
use smarterbase_testkit::server::redis::RedisServer;

use crate::locker::Arguments;

const WORKERS: u64 = 4;

/// One holding, as its process told it.
#[derive(Clone, Copy, Debug)]
struct Holding {
    token: u64,
    entered: u128,
    /// When it left, or when its process was killed.
    left: u128,
}

/// For half of the time with Redis, for half of it without.
pub(crate) fn holders_never_meet(seconds: u64) {
    let (holdings, kills) = run(seconds / 2, None);
    judge("without Redis", holdings, kills, seconds / 2);
    if cfg!(feature = "redis") {
        let server = RedisServer::start(&[]).unwrap();
        let (holdings, kills) = run(seconds / 2, Some(server));
        judge("with Redis, which fails", holdings, kills, seconds / 2);
    }
}

fn judge(how: &str, mut holdings: Vec<Holding>, kills: u64, seconds: u64) {
    holdings.sort_by_key(|holding| holding.entered);
    println!(
        "locks {how}: {} holdings, {kills} processes killed",
        holdings.len()
    );
    for pair in holdings.windows(2) {
        assert!(pair[0].left <= pair[1].entered, "two holders: {pair:?}");
        assert!(
            pair[0].token < pair[1].token,
            "a token of the past: {pair:?}"
        );
    }
    assert!(kills >= seconds, "only {kills} processes were killed");
    let enough = 3 * usize::try_from(seconds).unwrap();
    assert!(holdings.len() >= enough, "only {} holdings", holdings.len());
}

fn run(seconds: u64, server: Option<RedisServer>) -> (Vec<Holding>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let url = server.as_ref().map_or(String::new(), RedisServer::url);
    let holdings = Arc::new(Mutex::new(Vec::new()));
    let deadline = SystemClock.elapsed() + Duration::from_secs(seconds);
    let (folder, url, holdings_ref) = (folder.path(), &url, &holdings);
    let kills = thread::scope(|scope| {
        let watches: Vec<_> = (0..WORKERS)
            .map(|place| {
                scope.spawn(move || keep_killing(folder, url, place, holdings_ref, deadline))
            })
            .collect();
        if let Some(server) = server {
            break_redis(server, deadline);
        }
        watches.into_iter().map(|watch| watch.join().unwrap()).sum()
    });
    let holdings = holdings.lock().unwrap().clone();
    (holdings, kills)
}

#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
pub(crate) fn break_redis(mut server: RedisServer, deadline: Duration) {
    while SystemClock.elapsed() < deadline {
        thread::sleep(Duration::from_millis(700));
        server.flush().unwrap();
        thread::sleep(Duration::from_millis(300));
        server.restart().unwrap();
    }
}

pub(crate) fn start(folder: &Path, redis: &str, role: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .envs(Arguments::environment(folder, redis, role))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// One place in the fleet: its worker is killed after a while, and another one takes its place.
#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
fn keep_killing(
    folder: &Path,
    redis: &str,
    place: u64,
    holdings: &Mutex<Vec<Holding>>,
    deadline: Duration,
) -> u64 {
    let mut kills = 0;
    while SystemClock.elapsed() < deadline {
        let mut child = start(folder, redis, "repeat");
        let output = BufReader::new(child.stdout.take().unwrap());
        let listening = thread::spawn(move || listen(output));
        thread::sleep(Duration::from_millis(
            600 + (kills * 7 + place * 13) % 10 * 150,
        ));
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = SystemClock.elapsed().as_nanos();
        let (mut told, unended) = listening.join().unwrap();
        told.extend(unended.map(|(token, entered)| Holding {
            token,
            entered,
            left: killed,
        }));
        holdings.lock().unwrap().extend(told);
        kills += 1;
    }
    kills
}

/// What a worker told, and the holding that it did not end.
fn listen(output: impl BufRead) -> (Vec<Holding>, Option<(u64, u128)>) {
    let (mut told, mut unended) = (Vec::new(), None);
    for line in output.lines() {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["enter", token, time] => {
                let Ok(time) = time.parse() else { break };
                unended = Some((token.parse().unwrap(), time));
            }
            ["leave", token, time] => {
                let (Some((entered_as, entered)), Ok(left)) = (unended.take(), time.parse()) else {
                    break;
                };
                let token = token.parse().unwrap();
                assert_eq!(entered_as, token);
                told.push(Holding {
                    token,
                    entered,
                    left,
                });
            }
            _ => {}
        }
    }
    (told, unended)
}
