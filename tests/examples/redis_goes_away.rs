//! `redis_goes_away`, in short. The full run is `cargo run --features redis --example redis_goes_away`.

use super::program::{example, run};

#[test]
fn redis_goes_away_in_every_way_and_comes_back_by_itself() {
    let ran = run(example("redis_goes_away").args(["--quick", "--writers", "2"])).succeeded();
    for what in [
        "Redis is flushed: served by Redis within 30 s",
        "Redis is started again from an old snapshot: served by Redis within 30 s",
        "Redis is replaced by a replica that lags: served by Redis within 30 s",
        "Redis is filled until it evicts: served by Redis within 30 s",
        "failed writes",
        "wrong answers",
    ] {
        let line = format!("  ok      {what}");
        assert!(
            ran.stdout.lines().any(|found| found.starts_with(&line)),
            "{what}: {}",
            ran.stdout
        );
    }
    assert!(ran.stdout.contains("checks passed"), "{}", ran.stdout);
}
