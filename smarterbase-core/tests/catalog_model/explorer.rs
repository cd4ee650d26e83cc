//! Visits every state that can be reached.

use std::collections::HashSet;

use super::{
    hasher::{Quickly, fingerprint},
    world::World,
};

/// More states than this are a mistake in a configuration.
const MOST_STATES: usize = 1_000_000;

/// How many states there are, and the first that is wrong.
fn explore(start: World) -> (usize, Option<World>) {
    let mut seen: HashSet<u128, Quickly> = HashSet::default();
    seen.insert(fingerprint(&start));
    let mut open = vec![start];
    while let Some(world) = open.pop() {
        if world.is_missing_something() {
            return (seen.len(), Some(world));
        }
        let next = world.successors().into_iter();
        open.extend(next.filter(|world| seen.insert(fingerprint(world))));
        assert!(seen.len() < MOST_STATES, "the configuration is too large");
    }
    (seen.len(), None)
}

/// Asserts that no query misses anything.
#[track_caller]
pub(crate) fn holds(name: &str, start: World) {
    let (states, wrong) = explore(start);
    assert_eq!(wrong, None, "{name}: a query misses a document");
    eprintln!("{name}: {states} states");
}

/// Asserts that a query misses something, since a rule is broken.
#[track_caller]
pub(crate) fn is_caught(name: &str, start: World) {
    let (states, wrong) = explore(start);
    assert!(wrong.is_some(), "{name}: not caught in {states} states");
    eprintln!("{name}: caught after {states} states");
}
