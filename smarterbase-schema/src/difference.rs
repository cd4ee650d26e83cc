//! What changed between two shapes, told to a person, and the steps that follow it.

use crate::shape::{Form, Part, Representation, Shape};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A part that was not there.
    Added(Part),
    /// A part that is gone.
    Removed(Part),
    /// A part with another type: before and after.
    Retyped(Part, Part),
    /// An enum that is written in another way.
    Represented(Representation, Representation),
}

/// Whether two parts are stored alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alike {
    /// Their types have the same name.
    Yes,
    /// Their types are of the standard library, and different.
    No,
    /// Their names differ, but one of them is a name of the program: an alias, a newtype or a type that was renamed can be
    /// stored as the other one is. Only the compiler knows.
    Undecided,
}

/// Compares two parts by the names of their types.
#[must_use]
pub fn compare(form: Form, before: &Part, after: &Part) -> Alike {
    if before.ty == after.ty || before.canonical() == after.canonical() {
        Alike::Yes
    } else if form == Form::Enum
        || before.is_opaque()
        || after.is_opaque()
        || after.parsed().is_known()
    {
        Alike::No
    } else {
        Alike::Undecided
    }
}

/// The changes from one shape to another, and the pairs of parts that only the compiler can compare.
#[must_use]
pub fn between(before: &Shape, after: &Shape) -> (Vec<Change>, Vec<(Part, Part)>) {
    let mut changes = Vec::new();
    let mut undecided = Vec::new();
    for part in &after.parts {
        match before
            .part(&part.name)
            .map(|old| (old, compare(after.form, old, part)))
        {
            None => changes.push(Change::Added(part.clone())),
            Some((_, Alike::Yes)) => {}
            Some((old, Alike::No)) => changes.push(Change::Retyped(old.clone(), part.clone())),
            Some((old, Alike::Undecided)) => undecided.push((old.clone(), part.clone())),
        }
    }
    let gone = before
        .parts
        .iter()
        .filter(|part| after.part(&part.name).is_none());
    changes.extend(gone.cloned().map(Change::Removed));
    if before.representation != after.representation {
        changes.push(Change::Represented(
            before.representation.clone(),
            after.representation.clone(),
        ));
    }
    (changes, undecided)
}

/// The changes from one shape to another, every type with another name among them.
#[must_use]
pub fn by_name(before: &Shape, after: &Shape) -> Vec<Change> {
    let (mut changes, undecided) = between(before, after);
    changes.extend(
        undecided
            .into_iter()
            .map(|(before, after)| Change::Retyped(before, after)),
    );
    changes
}

/// `name: Type`, or only the name of a variant without content.
#[must_use]
pub fn text(part: &Part) -> String {
    match part.ty.as_str() {
        "()" | "" => part.name.clone(),
        ty => format!("{}: {ty}", part.name),
    }
}

/// One line per change: `+ nickname: Option<String>`.
#[must_use]
pub fn list(changes: &[Change]) -> String {
    let line = |change: &Change| match change {
        Change::Added(part) => format!("  + {}", text(part)),
        Change::Removed(part) => format!("  - {}", text(part)),
        Change::Retyped(before, after) => {
            format!("  ~ {}: {} -> {}", after.name, before.ty, after.ty)
        }
        Change::Represented(before, after) => format!("  ~ variants: {before} -> {after}"),
    };
    let lines: Vec<String> = changes
        .iter()
        .map(|change| format!("  {}", line(change)))
        .collect();
    lines.join("\n")
}

/// The steps that would follow the changes, as they are written in the attribute. A guess about renames is only made where
/// one part came and one of the same type went.
#[must_use]
pub fn steps(form: Form, changes: &[Change]) -> Vec<String> {
    match &renames(changes)[..] {
        [(old, new)] if is_only(changes, old, new) => {
            steps_with(form, changes, &[(old.clone(), new.clone())])
        }
        _ => steps_with(form, changes, &[]),
    }
}

/// The pairs of a part that went and one of the same type that came: each could be a rename, and only a person knows.
#[must_use]
pub fn renames(changes: &[Change]) -> Vec<(String, String)> {
    let removed: Vec<&Part> = changes.iter().filter_map(Change::removed).collect();
    let added: Vec<&Part> = changes.iter().filter_map(Change::added).collect();
    let new_names = |old: &Part| -> Vec<(String, String)> {
        let alike = added
            .iter()
            .filter(|new| new.canonical() == old.canonical());
        alike
            .map(|new| (old.name.clone(), new.name.clone()))
            .collect()
    };
    removed.into_iter().flat_map(new_names).collect()
}

/// Whether nothing else came or went.
fn is_only(changes: &[Change], old: &str, new: &str) -> bool {
    changes.iter().all(|change| {
        change.added().is_none_or(|part| part.name == new)
            && change.removed().is_none_or(|part| part.name == old)
    })
}

/// The steps that would follow the changes, when these parts were renamed.
#[must_use]
pub fn steps_with(form: Form, changes: &[Change], renamed: &[(String, String)]) -> Vec<String> {
    let is_old = |part: &Part| renamed.iter().any(|(old, _)| *old == part.name);
    let is_new = |part: &Part| renamed.iter().any(|(_, new)| *new == part.name);
    let is_variant = form == Form::Enum;
    let of = |word: &str| {
        if is_variant {
            format!("{word}_variant")
        } else {
            word.to_owned()
        }
    };
    let mut steps = Vec::new();
    for (old, new) in renamed {
        steps.push(format!("{}({} => {})", of("rename"), name(old), name(new)));
    }
    for change in changes {
        match change {
            Change::Added(part) if is_new(part) => {}
            Change::Removed(part) if is_old(part) => {}
            Change::Added(part) if is_variant => {
                steps.push(format!("add_variant({})", name(&part.name)))
            }
            Change::Added(part) => {
                steps.push(format!("add({} = {})", name(&part.name), default(part)))
            }
            Change::Removed(part) if is_variant => steps.push(format!(
                "remove_variant({0}, with = replace_{1})",
                name(&part.name),
                part.name.to_lowercase()
            )),
            Change::Removed(part) => steps.push(format!("remove({})", name(&part.name))),
            Change::Retyped(before, after) if before.parsed().widens_to(&after.parsed()) => {
                steps.push(format!("widen({})", name(&after.name)));
            }
            Change::Retyped(before, after) if before.is_opaque() != after.is_opaque() => {
                steps.push(format!("rekind({})", name(&after.name)));
            }
            Change::Retyped(_, after) => steps.push(format!(
                "convert({}, with = convert_{})",
                name(&after.name),
                after.name.to_lowercase()
            )),
            Change::Represented(..) => steps.push("rekind".to_owned()),
        }
    }
    steps
}

impl Change {
    fn added(&self) -> Option<&Part> {
        match self {
            Self::Added(part) => Some(part),
            _ => None,
        }
    }

    fn removed(&self) -> Option<&Part> {
        match self {
            Self::Removed(part) => Some(part),
            _ => None,
        }
    }
}

/// A name as it is written in a step: a string where it is no identifier.
fn name(name: &str) -> String {
    let is_identifier = name
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_');
    if is_identifier && !name.is_empty() {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// A value for old documents, to begin with.
fn default(part: &Part) -> &'static str {
    let ty = part.parsed();
    if ty.optional().is_some() {
        return "None";
    }
    match ty.canonical().to_string().as_str() {
        "String" => "String::new()",
        "bool" => "false",
        "f32" | "f64" => "0.0",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128"
        | "isize" => "0",
        _ => "Default::default()",
    }
}
