//! A holder that is stopped with `SIGSTOP` past its lease and then goes on: its fenced transaction conflicts, and what it
//! writes without a fence is written. That is what a fence is for.

use std::{
    io::{BufRead, BufReader, Write},
    process::Command,
};

use smarterbase::prelude::*;

use crate::{
    locker::{self, LEASE, Report},
    locks::start,
};

pub(crate) fn a_holder_that_stood_still_is_stopped_by_its_fence_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let db = runtime.block_on(async {
        let db = locker::open(folder.path(), "").await;
        let report = Report {
            id: "report".to_owned(),
            by: Vec::new(),
        };
        Report::create(&db, report).await.unwrap();
        db
    });
    let mut child = start(folder.path(), "", "stalled");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let entered = lines.next().unwrap().unwrap();
    assert!(entered.starts_with("enter "), "{entered}");
    signal(child.id(), "STOP");
    let next = runtime.block_on(async {
        let next = db.lock("hot").deadline(LEASE * 4).await.unwrap();
        let before = db.inspect_lock("hot").await.unwrap().unwrap();
        assert_eq!(before.fencing_token, next.fencing_token());
        Report::update(&db, &"report".to_owned(), |report| {
            report.by.push("next".to_owned());
            Ok(())
        })
        .await
        .unwrap();
        next
    });
    signal(child.id(), "CONT");
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    let told: Vec<String> = lines.map(|line| without_time(&line.unwrap())).collect();
    assert!(child.wait().unwrap().success());
    println!("a stalled holder: {told:?}");
    let expected = [
        "fenced: SB-LOCK-LOST",
        "unfenced: true",
        "is_lost: true",
        "release: SB-LOCK-LOST",
    ];
    assert_eq!(told, expected);
    let by = runtime.block_on(async {
        assert!(!next.is_lost());
        next.release().await.unwrap();
        let report = Report::get(&db, &"report".to_owned()).required().await;
        report.unwrap().by.clone()
    });
    assert_eq!(by, ["next", "stalled, without a fence"]);
}

fn without_time(line: &str) -> String {
    line.rsplit_once(' ').unwrap().0.to_owned()
}

fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}
