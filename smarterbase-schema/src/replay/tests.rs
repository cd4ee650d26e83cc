//! Which steps lead from one shape to another, and what is said about those that do not.

use super::{Between, Link, Place, Problem, replay};
use crate::{
    difference,
    shape::{Form, Part, Shape},
    step::Step::{self, *},
};

fn shape(parts: &[(&str, &str)]) -> Shape {
    Shape {
        parts: parts
            .iter()
            .map(|(name, ty)| Part::new(*name, ty))
            .collect(),
        ..Shape::new(Form::Struct)
    }
}

fn variants(parts: &[(&str, &str)]) -> Shape {
    Shape {
        form: Form::Enum,
        ..shape(parts)
    }
}

fn run(before: &Shape, after: &Shape, steps: &[Step]) -> Result<Link, Vec<Problem>> {
    let between = Between {
        from: 1,
        before,
        after,
    };
    replay(between, steps)
}

/// The places and messages of the mistakes.
fn problems(before: &[(&str, &str)], after: &[(&str, &str)], steps: &[Step]) -> Vec<String> {
    let problems = run(&shape(before), &shape(after), steps).expect_err("a mistake");
    problems
        .into_iter()
        .map(|problem| match problem.place {
            Place::Step(step, name) => format!("{step}/{name}: {}", problem.message),
            Place::Migration => problem.message,
            Place::Part(name) => format!("@{name}: {}", problem.message),
        })
        .collect()
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn every_step_on_a_struct_leads_on() {
    let before = shape(&[
        ("name", "String"),
        ("old", "u8"),
        ("age", "String"),
        ("full", "String"),
        ("x", "f64"),
        ("y", "f64"),
        ("size", "u32"),
        ("home", "Address"),
    ]);
    let after = shape(&[
        ("title", "String"),
        ("new", "bool"),
        ("age", "u32"),
        ("first", "String"),
        ("last", "String"),
        ("place", "Point"),
        ("size", "u64"),
        ("home", "Place"),
    ]);
    let steps = [
        Rename(text("name"), text("title")),
        Remove(text("old")),
        Add(text("new")),
        Convert(text("age")),
        Split(text("full"), vec![text("first"), text("last")]),
        Merge(vec![text("x"), text("y")], text("place")),
        Widen(text("size")),
        Rekind(Some(text("home"))),
    ];
    let link = run(&before, &after, &steps).expect("the steps lead on");
    let shown: Vec<String> = link
        .steps
        .iter()
        .map(|typed| {
            let parts = |parts: &[Part]| {
                let parts: Vec<String> = parts.iter().map(difference::text).collect();
                parts.join(", ")
            };
            format!(
                "{} {} => {}",
                typed.step.word(),
                parts(&typed.takes),
                parts(&typed.gives)
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "rename name: String => title: String",
            "remove old: u8 => ",
            "add  => new: bool",
            "convert age: String => age: u32",
            "split full: String => first: String, last: String",
            "merge x: f64, y: f64 => place: Point",
            "widen size: u32 => size: u64",
            "rekind home: Address => home: Place",
        ]
    );
    assert_eq!(link.undecided, []);
}

#[test]
fn a_field_can_be_renamed_after_it_was_made() {
    let steps = [Convert(text("a")), Rename(text("a"), text("b"))];
    let link =
        run(&shape(&[("a", "u8")]), &shape(&[("b", "String")]), &steps).expect("it leads on");
    assert_eq!(link.steps[0].gives, [Part::new("b", "String")]);
    assert_eq!(link.steps[0].gives_by_name(), ["a"]);
}

#[test]
fn a_field_can_be_changed_after_it_was_renamed() {
    let steps = [Rename(text("a"), text("b")), Convert(text("b"))];
    let link =
        run(&shape(&[("a", "u8")]), &shape(&[("b", "String")]), &steps).expect("it leads on");
    assert_eq!(link.steps[1].takes, [Part::new("a", "u8")]);
    assert_eq!(link.steps[1].takes_by_name(), ["b"]);
}

#[test]
fn custom_takes_and_gives_everything() {
    let link = run(
        &shape(&[("a", "u8")]),
        &shape(&[("b", "u16")]),
        &[Custom(Vec::new())],
    )
    .expect("anything");
    assert_eq!(link.steps[0].takes, [Part::new("a", "u8")]);
    assert_eq!(link.steps[0].gives, [Part::new("b", "u16")]);
}

#[test]
fn custom_keeps_what_is_there_before_and_after() {
    let keep = |before: &[(&str, &str)], after: &[(&str, &str)], name: &str| {
        run(&shape(before), &shape(after), &[Custom(vec![text(name)])])
    };
    let both = [("a", "u8"), ("b", "u8")];
    let kept = keep(&both, &both, "a").expect("it is kept");
    assert_ne!(
        kept.digest(),
        keep(&both, &both, "b").expect("it is kept").digest()
    );
    for (before, after, message) in [
        (
            &[("a", "u8")][..],
            &[("a", "u16")][..],
            "`a` has another type afterwards, so it cannot be kept",
        ),
        (
            &[("a", "u8")],
            &[],
            "`a` is gone afterwards, so it cannot be kept",
        ),
        (
            &[("b", "u8")],
            &[("a", "u8")],
            "version 1 has no field `a`; it has: b",
        ),
    ] {
        assert_eq!(
            keep(before, after, "a").expect_err("a mistake")[0].message,
            message
        );
    }
}

#[test]
fn a_step_on_a_field_that_is_not_there_is_the_only_error() {
    assert_eq!(
        problems(
            &[("name", "String")],
            &[("full_name", "String")],
            &[Rename(text("nmae"), text("full_name"))]
        ),
        ["0/nmae: version 1 has no field `nmae`; it has: name"]
    );
    assert_eq!(
        problems(&[("a", "u8")], &[], &[Remove(text("a")), Remove(text("a"))]),
        ["1/a: an earlier step of this migration took `a` away"]
    );
}

#[test]
fn a_field_that_is_there_is_not_made_again() {
    assert_eq!(
        problems(&[("a", "u8")], &[("a", "u8")], &[Add(text("a"))]),
        ["0/a: version 1 already has the field `a`"]
    );
    assert_eq!(
        problems(
            &[("a", "u8"), ("b", "u8")],
            &[("b", "u8")],
            &[Rename(text("a"), text("b"))]
        ),
        ["0/b: there already is a field `b`\n  help: remove or rename it first"]
    );
    assert_eq!(
        problems(
            &[("a", "u8")],
            &[("a", "u32")],
            &[Convert(text("a")), Widen(text("a"))]
        ),
        ["1/a: `a` is made by another step of the same migration\n  help: do both in one step"]
    );
}

#[test]
fn one_missing_step_says_what_to_write() {
    assert_eq!(
        problems(&[], &[("full_name", "String")], &[]),
        [
            "`migrate(1 => 2, ..)` does not produce field `full_name: String`\n  \
          help: add `add(full_name = <value for old documents>)`, or `rename(<old> => full_name)`"
        ]
    );
    assert_eq!(
        problems(&[("a", "u8")], &[], &[]),
        [
            "`migrate(1 => 2, ..)` leaves the field `a`, which version 2 does not have\n  help: add `remove(a)`"
        ]
    );
    assert_eq!(
        problems(&[("age", "String")], &[("age", "u32")], &[]),
        [
            "@age: field `age` is `String` in version 1 and `u32` in version 2, but no step converts it\n  \
          help: add `convert(age, with = some_fn)` where `fn some_fn(old: String) -> u32`"
        ]
    );
    assert_eq!(
        problems(&[("age", "u8")], &[("age", "u32")], &[]),
        [
            "@age: field `age` is `u8` in version 1 and `u32` in version 2, but no step converts it\n  \
          help: add `widen(age)`"
        ]
    );
}

#[test]
fn several_missing_steps_are_one_error() {
    assert_eq!(
        problems(
            &[("name", "String"), ("age", "u8")],
            &[("full_name", "String"), ("age", "u32")],
            &[]
        ),
        [
            "`migrate(1 => 2, ..)` does not lead to version 2\n  still to change:\n    - name: String\n    \
             ~ age: u8 -> u32\n    + full_name: String\n  help: add `rename(name => full_name), widen(age)`"
        ]
    );
}

#[test]
fn steps_without_a_function_only_say_what_is_true() {
    assert_eq!(
        problems(&[("a", "u64")], &[("a", "u32")], &[Widen(text("a"))]),
        [
            "0/a: `widen` cannot turn `u64` into `u32`: not every old value is a new one as it is\n  \
          help: write `convert(a, with = some_fn)` where `fn some_fn(old: u64) -> u32`"
        ]
    );
    assert_eq!(
        problems(
            &[("a", "u64")],
            &[("a", "String")],
            &[Rekind(Some(text("a")))]
        ),
        [
            "0/a: `rekind` keeps the stored value, but `u64` and `String` are not stored alike\n  \
          help: write `convert(a, with = some_fn)` where `fn some_fn(old: u64) -> String`"
        ]
    );
}

#[test]
fn only_the_compiler_can_tell_names_of_the_program_apart() {
    let link = run(
        &shape(&[("a", "Address")]),
        &shape(&[("a", "Vec<Place>")]),
        &[],
    );
    assert_eq!(
        link.expect("no mistake yet").undecided,
        [(Part::new("a", "Address"), Part::new("a", "Vec<Place>"))]
    );
}

#[test]
fn the_key_of_a_document_never_changes() {
    let mut before = shape(&[("id", "String")]);
    before.key = Some(text("id"));
    let mut after = shape(&[("slug", "String")]);
    after.key = Some(text("slug"));
    let found = run(&before, &after, &[Rename(text("id"), text("slug"))]).expect_err("a mistake");
    assert_eq!(
        found[0].message,
        "the key was `id` in version 1 and is `slug` now, but the key of a document never changes"
    );
}

#[test]
fn enums_have_steps_of_their_own() {
    let before = variants(&[("Free", "()"), ("Old", "()"), ("Team", "{seats: u8}")]);
    let after = variants(&[("Basic", "()"), ("New", "u8"), ("Team", "{seats: u32}")]);
    let steps = [
        RenameVariant(text("Free"), text("Basic")),
        RemoveVariant(text("Old")),
        AddVariant(text("New")),
        Convert(text("Team")),
    ];
    assert!(run(&before, &after, &steps).is_ok());
    let wrong = run(&before, &after, &[Remove(text("Old"))]).expect_err("a mistake");
    assert_eq!(wrong[0].message, "`remove` is no step for an enum");
    let missing = run(&before, &variants(&[("Free", "()"), ("Old", "()")]), &[]);
    assert_eq!(
        missing.expect_err("a mistake")[0].message,
        "`migrate(1 => 2, ..)` leaves the variant `Team`, which version 2 does not have\n  \
         help: add `remove_variant(Team, with = replace_team)`"
    );
}

#[test]
fn another_representation_needs_a_step() {
    let before = variants(&[("Free", "()")]);
    let mut after = before.clone();
    after.representation.tag = Some(text("kind"));
    let missing = run(&before, &after, &[]).expect_err("a mistake");
    assert!(
        missing[0].message.ends_with("help: add `rekind`"),
        "{missing:?}"
    );
    assert!(run(&before, &after, &[Rekind(None)]).is_ok());
}

#[test]
fn the_digest_of_steps_covers_operations_names_and_types() {
    let digest = |before: &[(&str, &str)], after: &[(&str, &str)], steps: &[Step]| {
        run(&shape(before), &shape(after), steps)
            .expect("the steps lead on")
            .digest()
    };
    let convert = digest(&[("a", "u8")], &[("a", "String")], &[Convert(text("a"))]);
    let others = [
        digest(&[("a", "u8")], &[("a", "String")], &[Custom(Vec::new())]),
        digest(&[("a", "u16")], &[("a", "String")], &[Convert(text("a"))]),
        digest(&[("a", "u8")], &[("a", "char")], &[Convert(text("a"))]),
        digest(&[("b", "u8")], &[("b", "String")], &[Convert(text("b"))]),
        digest(
            &[("a", "u8")],
            &[("a", "String")],
            &[Remove(text("a")), Add(text("a"))],
        ),
    ];
    for other in others {
        assert_ne!(convert, other);
    }
    assert_eq!(
        digest(
            &[("a", "Id<X>")],
            &[("b", "Id<X>")],
            &[Rename(text("a"), text("b"))]
        ),
        digest(
            &[("a", "Id<Y>")],
            &[("b", "Id<Y>")],
            &[Rename(text("a"), text("b"))]
        ),
    );
}
