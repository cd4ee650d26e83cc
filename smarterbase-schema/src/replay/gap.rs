//! What is left between where the steps lead and the shape after; and the types of what the steps make.

use super::{Between, Link, Moving, Place, Problem, State};
use crate::{
    difference::{self, Alike, Change},
    shape::Part,
    step::Step,
};

/// Compares the parts with the shape after and types the steps' results.
pub(super) fn close(between: Between<'_>, mut state: State<'_>) -> Result<Link, Vec<Problem>> {
    let mut changes = Vec::new();
    let mut undecided = Vec::new();
    let mut problems = Vec::new();
    for moving in &state.parts {
        let Some(after) = between.after.part(&moving.name) else {
            changes.push(leftover(moving));
            continue;
        };
        match (&moving.before, moving.made_by) {
            (Some(before), None) => match difference::compare(between.after.form, before, after) {
                Alike::Yes => {}
                Alike::No => changes.push(Change::Retyped(before.clone(), after.clone())),
                Alike::Undecided => undecided.push((before.clone(), after.clone())),
            },
            (_, Some((step, result))) => {
                state.steps[step].gives[result] = after.clone();
                problems.extend(misused(step, &state.steps[step], after));
            }
            (None, None) => {}
        }
    }
    let missing = between
        .after
        .parts
        .iter()
        .filter(|part| !state.parts.iter().any(|moving| moving.name == part.name));
    changes.extend(missing.cloned().map(Change::Added));
    if between.before.representation != between.after.representation && !state.rekinded {
        changes.push(Change::Represented(
            between.before.representation.clone(),
            between.after.representation.clone(),
        ));
    }
    if between.before.form != between.after.form || between.before.key != between.after.key {
        problems.push(unchangeable(between));
    }
    problems.extend(explain(between, &changes));
    type_renames(&mut state, between);
    if problems.is_empty() {
        Ok(Link {
            steps: state.steps,
            undecided,
        })
    } else {
        Err(problems)
    }
}

fn leftover(moving: &Moving) -> Change {
    Change::Removed(moving.before.clone().map_or_else(
        || Part::new(moving.name.clone(), ""),
        |before| Part {
            name: moving.name.clone(),
            ..before
        },
    ))
}

/// `widen` and `rekind` have no function, so they only say what is true.
fn misused(position: usize, typed: &super::Typed, after: &Part) -> Option<Problem> {
    let before = typed.takes.first()?;
    let (old, new) = (before.parsed(), after.parsed());
    let message = match typed.step {
        Step::Widen(_) if !old.widens_to(&new) => format!(
            "`widen` cannot turn `{old}` into `{new}`: not every old value is a new one as it is\n  \
             help: write `convert({}, with = some_fn)` where `fn some_fn(old: {old}) -> {new}`",
            after.name
        ),
        Step::Rekind(Some(_)) if old.is_known() && new.is_known() => format!(
            "`rekind` keeps the stored value, but `{old}` and `{new}` are not stored alike\n  \
             help: write `convert({}, with = some_fn)` where `fn some_fn(old: {old}) -> {new}`",
            after.name
        ),
        _ => return None,
    };
    Some(Problem {
        place: Place::Step(position, after.name.clone()),
        message,
    })
}

fn unchangeable(between: Between<'_>) -> Problem {
    let (before, after) = (between.before, between.after);
    let message = if before.key == after.key {
        format!(
            "a {} cannot become a {}\n  help: give the new type another name",
            before.form.name(),
            after.form.name()
        )
    } else {
        let name = |key: &Option<String>| key.clone().unwrap_or_default();
        format!(
            "the key was `{}` in version {} and is `{}` now, but the key of a document never changes",
            name(&before.key),
            between.from,
            name(&after.key)
        )
    };
    Problem {
        place: after.key.clone().map_or(Place::Migration, Place::Part),
        message,
    }
}

/// One mistake is one error: a single change has a message of its own, several are one list.
fn explain(between: Between<'_>, changes: &[Change]) -> Option<Problem> {
    let from = between.from;
    let to = from + 1;
    let help = difference::steps(between.after.form, changes).join(", ");
    let (place, message) = match changes {
        [] => return None,
        [Change::Added(part)] => {
            let word = between.after.part_word();
            let cure = match between.after.part_word() {
                "variant" => format!(
                    "add `add_variant({})`, or `rename_variant(<old> => {})`",
                    part.name, part.name
                ),
                _ => format!(
                    "add `add({} = <value for old documents>)`, or `rename(<old> => {})`",
                    part.name, part.name
                ),
            };
            let text = format!(
                "`migrate({from} => {to}, ..)` does not produce {word} `{}`\n  help: {cure}",
                difference::text(part)
            );
            (Place::Migration, text)
        }
        [Change::Removed(part)] => {
            let word = between.after.part_word();
            let text = format!(
                "`migrate({from} => {to}, ..)` leaves the {word} `{}`, which version {to} does not have\n  help: add `{help}`",
                part.name
            );
            (Place::Migration, text)
        }
        [Change::Retyped(before, after)] => {
            let text = retyped(between, before, after, &help);
            (Place::Part(after.name.clone()), text)
        }
        changes => {
            let text = format!(
                "`migrate({from} => {to}, ..)` does not lead to version {to}\n  still to change:\n{}\n  help: add `{help}`",
                difference::list(changes)
            );
            (Place::Migration, text)
        }
    };
    Some(Problem { place, message })
}

/// The message for a part whose type changed without a step; `help` is the step to write.
#[must_use]
pub fn retyped(between: Between<'_>, before: &Part, after: &Part, help: &str) -> String {
    let (from, to) = (between.from, between.from + 1);
    let (old, new) = (before.parsed(), after.parsed());
    let cure = if old.widens_to(&new) {
        format!("add `{help}`")
    } else {
        format!(
            "add `convert({}, with = some_fn)` where `fn some_fn(old: {old}) -> {new}`",
            after.name
        )
    };
    format!(
        "{} `{}` is `{old}` in version {from} and `{new}` in version {to}, but no step converts it\n  help: {cure}",
        between.after.part_word(),
        after.name
    )
}

/// A rename keeps the type: what it gives has the type after, so that the digest of a step names it.
fn type_renames(state: &mut State<'_>, between: Between<'_>) {
    for typed in &mut state.steps {
        if let (Step::Rename(..) | Step::RenameVariant(..), Some(taken), Some(given)) =
            (&typed.step, typed.takes.first(), typed.gives.first_mut())
        {
            let after = between.after.part(&given.name);
            given.ty = after.map_or_else(|| taken.ty.clone(), |after| after.ty.clone());
        }
    }
}
