//! Runs steps on the value of an enum: finds its variant, whatever serde's representation is, and writes it again.

use super::{
    Object, Raw, Representation, Step,
    failure::{Cause, Failure},
    object::{null, raw, string},
    step::{Call, Input, Migration, Versions},
};

/// A value of an enum, taken apart.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The stored name.
    pub name: String,
    /// The content; null for a variant without one.
    pub content: Raw,
    /// Whether the variant has a content.
    pub has_content: bool,
}

/// What the steps made of a value.
#[derive(Debug)]
pub enum Outcome {
    /// A value whose embedded parts are still to be upgraded.
    Kept(Raw),
    /// A value that a function made: it is of today.
    Made(Raw),
}

/// Runs the migrations from `stored` on.
///
/// # Errors
/// [`Failure`]: the first step that failed.
pub fn run(
    type_name: &str,
    migrations: &[Migration],
    stored: u32,
    versions: &Versions,
    value: Raw,
) -> Result<Outcome, Failure> {
    let mut value = value;
    let later = migrations
        .iter()
        .filter(|migration| migration.from >= stored);
    for migration in later {
        for step in migration.steps {
            let outcome = apply(step, versions, value)
                .map_err(|cause| Failure::new(type_name, migration.from, step.text(), cause))?;
            match outcome {
                Outcome::Kept(kept) => value = kept,
                made @ Outcome::Made(_) => return Ok(made),
            }
        }
    }
    Ok(Outcome::Kept(value))
}

fn apply(step: &Step, versions: &Versions, value: Raw) -> Result<Outcome, Cause> {
    match step {
        Step::RenameVariant(representation, from, to) => {
            let mut variant = open(*representation, &value)?;
            if variant.name != *from {
                return Ok(Outcome::Kept(value));
            }
            (*to).clone_into(&mut variant.name);
            close(*representation, variant).map(Outcome::Kept)
        }
        Step::ReplaceVariant(change) => {
            let variant = open(change.representation, &value)?;
            if variant.name != change.variant {
                return Ok(Outcome::Kept(value));
            }
            let input = Input {
                value: variant.content,
                is_missing: false,
                is_new: false,
            };
            let mut made = (change.run)(&Call {
                versions,
                names: &["the content"],
                inputs: &[input],
            })?;
            made.pop().map(Outcome::Made).ok_or(Cause::NotJson)
        }
        Step::Represent(from, to) => close(*to, open(*from, &value)?).map(Outcome::Kept),
        Step::Rename(..) | Step::Remove(_) | Step::Change(_) => Ok(Outcome::Kept(value)),
    }
}

/// Takes a value apart.
///
/// # Errors
/// [`Cause::NoVariant`]: the value is not written in this representation.
pub fn open(representation: Representation, value: &Raw) -> Result<Variant, Cause> {
    let found = match representation {
        Representation::Named => open_named(value),
        Representation::Tagged(tag) => open_tagged(tag, value),
        Representation::Adjacent(tag, content) => open_adjacent(tag, content, value),
        Representation::Untagged => None,
    };
    found.ok_or(Cause::NoVariant)
}

fn open_named(value: &Raw) -> Option<Variant> {
    if let Ok(name) = serde_json::from_str(value.get()) {
        return Some(Variant {
            name,
            content: null(),
            has_content: false,
        });
    }
    let object = Object::read(value.get()).ok()?;
    let [member] = object.members() else {
        return None;
    };
    Some(Variant {
        name: member.name.clone(),
        content: member.value.clone(),
        has_content: true,
    })
}

fn open_tagged(tag: &str, value: &Raw) -> Option<Variant> {
    let mut object = Object::read(value.get()).ok()?;
    let name = serde_json::from_str(object.take(tag)?.value.get()).ok()?;
    let has_content = !object.members().is_empty();
    let content = if has_content {
        object.into_raw()
    } else {
        null()
    };
    Some(Variant {
        name,
        content,
        has_content,
    })
}

fn open_adjacent(tag: &str, content: &str, value: &Raw) -> Option<Variant> {
    let mut object = Object::read(value.get()).ok()?;
    let name = serde_json::from_str(object.take(tag)?.value.get()).ok()?;
    let inner = object.take(content);
    Some(Variant {
        name,
        has_content: inner.is_some(),
        content: inner.map_or_else(null, |member| member.value),
    })
}

/// Writes a variant.
///
/// # Errors
/// [`Cause::NoVariant`]: the representation cannot hold the variant.
pub fn close(representation: Representation, variant: Variant) -> Result<Raw, Cause> {
    let name = string(&variant.name);
    let mut object = Object::default();
    match representation {
        Representation::Named if !variant.has_content => return Ok(name),
        Representation::Named => object.set(&variant.name, variant.content, false),
        Representation::Tagged(tag) => {
            object.set(tag, name, false);
            if variant.has_content {
                append(&mut object, tag, &variant.content)?;
            }
        }
        Representation::Adjacent(tag, content) => {
            object.set(tag, name, false);
            if variant.has_content {
                object.set(content, variant.content, false);
            }
        }
        Representation::Untagged => return Err(Cause::NoVariant),
    }
    Ok(raw(object.write()))
}

fn append(object: &mut Object, tag: &str, content: &Raw) -> Result<(), Cause> {
    let inner = Object::read(content.get()).map_err(|_| Cause::NoVariant)?;
    if inner.has(tag) {
        return Err(Cause::Occupied(tag.to_owned()));
    }
    for member in inner.members() {
        object.set(&member.name, member.value.clone(), member.is_new);
    }
    Ok(())
}
