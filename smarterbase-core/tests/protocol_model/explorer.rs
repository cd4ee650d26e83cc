//! Visits every state that can be reached.

use std::collections::HashSet;

use super::world::{Program, World};

/// What was found.
#[derive(Debug)]
pub(crate) struct Report {
    /// How many different states there are.
    pub states: usize,
    /// How many of them are final: everybody done.
    pub endings: usize,
    /// The first thing that is wrong.
    pub violation: Option<String>,
}

/// More states than this are a mistake in a configuration: the exploration must be complete.
const MOST_STATES: usize = 2_000_000;

/// Visits every state that can be reached from `start`, until something is wrong. `at_end` sees every final state.
pub(crate) fn explore<P: Program>(start: World<P>, mut at_end: impl FnMut(&World<P>)) -> Report {
    let mut seen = HashSet::from([start.state()]);
    let mut open = vec![start];
    let mut endings = 0;
    while let Some(world) = open.pop() {
        if let Err(violation) = world.check() {
            return Report {
                states: seen.len(),
                endings,
                violation: Some(violation),
            };
        }
        if world.is_over() {
            endings += 1;
            at_end(&world);
        }
        for next in world.successors() {
            if seen.insert(next.state()) {
                open.push(next);
            }
        }
        assert!(
            seen.len() < MOST_STATES,
            "the configuration is too large to visit"
        );
    }
    Report {
        states: seen.len(),
        endings,
        violation: None,
    }
}

/// Asserts that nothing is wrong anywhere.
#[track_caller]
pub(crate) fn holds<P: Program>(name: &str, start: World<P>) {
    let report = explore(start, |_| {});
    assert_eq!(report.violation, None, "{name}: {report:?}");
    assert!(
        report.endings > 0,
        "{name}: nobody came to an end: {report:?}"
    );
    eprintln!(
        "{name}: {} states, {} endings",
        report.states, report.endings
    );
}

/// Asserts that the exploration notices that a rule is broken.
#[track_caller]
pub(crate) fn is_caught<P: Program>(name: &str, start: World<P>) {
    let report = explore(start, |_| {});
    assert!(report.violation.is_some(), "{name}: not caught: {report:?}");
    eprintln!("{name}: caught after {} states", report.states);
}
