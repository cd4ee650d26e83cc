//! Visits every state that can be reached.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt::Write,
};

use smarterbase_core::protocol::Rules;

use super::{
    facts::Facts,
    hasher::Quickly,
    moves::Move,
    world::{State, World},
};

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
const MOST_STATES: usize = 1_500_000;

/// Visits every state that can be reached, until something is wrong.
pub(crate) fn explore<R: Rules>(world: &mut World<R>) -> Report {
    let start = world.start.clone();
    let mut seen: HashSet<u128, Quickly> = HashSet::default();
    seen.insert(start.fingerprint());
    let mut open = vec![start];
    let mut endings = 0;
    while let Some(state) = open.pop() {
        let next = world.successors(&state);
        let is_over = (0..world.clients).all(|client| world.is_over(&state, client));
        endings += usize::from(is_over);
        let is_stuck = (next.is_empty() && !is_over).then(|| "somebody waits for ever".to_owned());
        if let Some(violation) = world.check(&state).err().or(is_stuck) {
            return Report {
                states: seen.len(),
                endings,
                violation: Some(violation),
            };
        }
        let new = next.into_iter().map(|(_, state)| state);
        open.extend(new.filter(|state| seen.insert(state.fingerprint())));
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
pub(crate) fn holds<R: Rules>(name: &str, mut world: World<R>) {
    let report = explore(&mut world);
    if let Some(violation) = &report.violation {
        panic!("{name}: {violation}\n{}", trace(&mut world));
    }
    assert!(report.endings > 0, "{name}: nobody came to an end");
    let (clients, objects) = world.library.size();
    eprintln!(
        "{name}: {} states, {} endings, {clients} of clients, {objects} objects",
        report.states, report.endings
    );
}

/// Asserts that the exploration notices that a rule is broken.
#[track_caller]
pub(crate) fn is_caught<R: Rules>(name: &str, mut world: World<R>) {
    let report = explore(&mut world);
    let Some(violation) = &report.violation else {
        panic!("{name}: not caught: {report:?}");
    };
    let what = violation.lines().next().unwrap_or_default();
    eprintln!("{name}: caught after {} states: {what}", report.states);
    if std::env::var_os("TRACE").is_some() {
        eprintln!("{}", trace(&mut world));
    }
}

/// The shortest way to something that is wrong.
pub(crate) fn trace<R: Rules>(world: &mut World<R>) -> String {
    world.explained.clear();
    world.damage = None;
    let start = world.start.clone();
    let mut before: HashMap<u128, Option<(u128, Move)>> = HashMap::new();
    let mut states: HashMap<u128, State> = HashMap::new();
    before.insert(start.fingerprint(), None);
    let mut open = VecDeque::from([start]);
    while let Some(state) = open.pop_front() {
        let number = state.fingerprint();
        states.insert(number, state.clone());
        // A put that damages is noticed when it is made, which is one step before it is visited.
        let next = world.successors(&state);
        if let Err(violation) = world.check(&state) {
            return told(world, &before, &states, number, &violation);
        }
        for (step, then) in next {
            let key = then.fingerprint();
            if let std::collections::hash_map::Entry::Vacant(entry) = before.entry(key) {
                entry.insert(Some((number, step)));
                open.push_back(then);
            }
        }
    }
    "the shortest way was not found".to_owned()
}

fn told<R: Rules>(
    world: &World<R>,
    before: &HashMap<u128, Option<(u128, Move)>>,
    states: &HashMap<u128, State>,
    mut number: u128,
    violation: &str,
) -> String {
    let mut steps = Vec::new();
    while let Some((earlier, step)) = before[&number] {
        steps.push((step, &states[&number]));
        number = earlier;
    }
    let mut text = String::new();
    for (step, state) in steps.into_iter().rev() {
        let _ = writeln!(text, "{}", line(world, step, state));
    }
    text + violation
}

fn line<R: Rules>(world: &World<R>, step: Move, state: &State) -> String {
    let mut text = format!("{step:?}");
    for key in world.library.keys() {
        let content = state.objects[usize::from(key)];
        let facts = world.library.facts(content);
        let said = facts.map_or_else(|| "-".to_owned(), short);
        let _ = write!(
            text,
            "\n      {key} {}: {content} {said}",
            world.library.path(key)
        );
    }
    let _ = write!(
        text,
        "\n      in flight {:?}, committed {:b}, ended {:b}",
        state.in_flight, state.committed, state.ended
    );
    text
}

fn short(facts: &Facts) -> String {
    if let Some((maker, decision)) = facts.record {
        return format!("{}.{} {decision:?}", maker.client, maker.attempt);
    }
    let version = &facts.version;
    let intent = facts.intent.as_ref().map_or_else(String::new, |borne| {
        let writes = borne.next.as_ref().map(|next| next.value);
        format!(
            ", intent of {}.{} {:?} {writes:?}",
            borne.by.client, borne.by.attempt, borne.home
        )
    });
    format!("{:?} holds {}{intent}", version.value, version.holds)
}
