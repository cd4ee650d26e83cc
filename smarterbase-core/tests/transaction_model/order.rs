//! Whether there is one order of all operations that explains everything.

use std::collections::BTreeMap;

use smarterbase_core::format::Key;

use super::{client::Story, facts::Value};

/// One operation that happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened<'a> {
    pub client: u8,
    pub story: &'a Story,
    /// The clients whose operations had ended before this one began.
    pub after: u8,
}

/// The documents at one moment of an order.
type Documents = BTreeMap<Key, Value>;

/// Whether the operations have an order that explains what each of them read, and what is there in the end. What ended
/// before something began comes before it. A wait-free read is held to that on its own document only.
pub(crate) fn is_explained(
    operations: &[Happened<'_>],
    start: &Documents,
    finally: &Documents,
) -> bool {
    if !search(operations, start, finally, &|one, other| {
        !one.story.is_peek && !other.story.is_peek && follows(one, other)
    }) {
        return false;
    }
    let peeks = operations
        .iter()
        .filter(|operation| operation.story.is_peek);
    let mut peeked = peeks.flat_map(|peek| peek.story.reads.keys());
    peeked.all(|key| is_linear(key, operations, start, finally))
}

fn follows(one: &Happened<'_>, other: &Happened<'_>) -> bool {
    one.after >> other.client & 1 == 1
}

/// Whether everything that happened to one document has an order.
fn is_linear(
    key: &Key,
    operations: &[Happened<'_>],
    start: &Documents,
    finally: &Documents,
) -> bool {
    let only = |values: &Documents| -> Documents {
        let found = values.get_key_value(key);
        found
            .map(|(key, value)| (key.clone(), *value))
            .into_iter()
            .collect()
    };
    let stories: Vec<Story> = operations
        .iter()
        .map(|operation| Story {
            reads: only(&operation.story.reads),
            writes: only(&operation.story.writes),
            ..operation.story.clone()
        })
        .collect();
    let operations: Vec<Happened<'_>> = operations
        .iter()
        .zip(&stories)
        .filter(|(_, story)| !story.reads.is_empty() || !story.writes.is_empty())
        .map(|(operation, story)| Happened {
            story,
            ..*operation
        })
        .collect();
    search(&operations, &only(start), &only(finally), &follows)
}

/// Tries every order, from its beginning.
fn search(
    left: &[Happened<'_>],
    now: &Documents,
    finally: &Documents,
    follows: &dyn Fn(&Happened<'_>, &Happened<'_>) -> bool,
) -> bool {
    if left.is_empty() {
        return now == finally;
    }
    (0..left.len()).any(|number| {
        let next = &left[number];
        let is_first = !left.iter().any(|other| follows(next, other));
        let reads = &next.story.reads;
        let is_right = reads.iter().all(|(key, value)| now.get(key) == Some(value));
        is_first && is_right && {
            let mut rest = left.to_vec();
            rest.remove(number);
            let mut then = now.clone();
            then.extend(
                next.story
                    .writes
                    .iter()
                    .map(|(key, value)| (key.clone(), *value)),
            );
            search(&rest, &then, finally, follows)
        }
    })
}
