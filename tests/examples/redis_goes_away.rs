//! `redis_goes_away`, in short. The full run is `cargo run --features redis --example redis_goes_away`.

use super::program::{example, run};

/// Runs it, and wants these checks among those that passed.
fn expect(options: &[&str], checks: &[&str]) {
    let mut program = example("redis_goes_away");
    program.args(["--quick", "--writers", "2"]).args(options);
    let ran = run(&mut program).succeeded();
    for what in checks {
        let line = format!("  ok      {what}");
        assert!(
            ran.stdout.lines().any(|found| found.starts_with(&line)),
            "{what}: {}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("checks passed"), "{}", ran.stdout);
}

#[test]
fn redis_goes_away_in_every_way_and_comes_back_by_itself() {
    let checks = [
        "Redis is flushed: served by Redis within 30 s",
        "Redis is started again from an old snapshot: served by Redis within 30 s",
        "Redis is replaced by a replica that lags: served by Redis within 30 s",
        "Redis is filled until it evicts: served by Redis within 30 s",
        "failed writes",
        "wrong answers",
    ];
    expect(&[], &checks);
}

#[test]
fn a_cluster_goes_away_node_by_node_and_comes_back_by_itself() {
    let checks = [
        "the node with the index is stopped, and started again empty: served by Redis within 30 s",
        "another node is stopped, and started again empty: queries that scanned instead",
        "the slot of the index moves to another node: served by Redis within 30 s",
        "all nodes are stopped: served by Redis within 30 s",
        "failed writes",
        "wrong answers",
    ];
    expect(&["--cluster"], &checks);
}
