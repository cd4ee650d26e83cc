//! The body of a document without its type: what changes is judged, and what stays keeps its text.

use serde_json::Value;

use crate::{
    error::{Code, Error, Result},
    format::{
        json::{self, ObjectWriter},
        schema::UntypedFacts,
        stored_type,
    },
    operation::{
        Collection,
        read::Fetched,
        untyped::{Members, Untyped, invalid},
    },
};

/// Checks what changes, and gives the JSON text: members that stay as they were keep their text, to the last digit.
pub(super) fn judged(
    untyped: &Untyped,
    facts: &UntypedFacts,
    before: Option<(&Members, &Fetched)>,
    members: &mut Members,
) -> Result<Vec<u8>> {
    let stored = before.map(|(members, _)| members);
    for (name, value) in members.iter() {
        let stays = stored.is_some_and(|stored| stored.get(name) == Some(value));
        if !stays {
            judge(facts, name, value)?;
        }
    }
    let was_missing = |name: &String| stored.is_some_and(|stored| !stored.contains_key(name));
    for (name, ty) in &facts.types {
        if !members.contains_key(name) && !ty.is_optional() && !was_missing(name) {
            return Err(invalid(name, "is missing"));
        }
    }
    complete(&untyped.collection, facts, members);
    Ok(text(before.map(|(_, fetched)| fetched), members))
}

fn judge(facts: &UntypedFacts, name: &str, value: &Value) -> Result<()> {
    if name.starts_with("_sb") {
        let text =
            "the document has a member starting with `_sb`; these names belong to the format";
        return Err(Error::new(Code::INVALID, text));
    }
    let mut aliases = facts.aliases.iter();
    if let Some((field, _)) = aliases.find(|(_, aliases)| aliases.iter().any(|alias| alias == name))
    {
        return Err(invalid(field, "is to be written by this name"));
    }
    match facts.types.get(name) {
        Some(ty) => stored_type::fits(ty, value).map_err(|misfit| {
            invalid(
                &format!("{name}{}", misfit.path),
                "is not what its type says",
            )
        }),
        None if facts.denies_unknown => Err(Error::new(
            Code::INVALID,
            "the document has a member that its type does not have, and the type takes none",
        )),
        None => Ok(()),
    }
}

/// A missing optional value that is indexed is written as null, as the type would write it: what the type makes of a missing
/// one is its own affair.
fn complete(collection: &Collection, facts: &UntypedFacts, members: &mut Members) {
    let components = collection
        .spec
        .indexes
        .iter()
        .flat_map(|index| index.components);
    for component in components {
        let is_optional = |ty: &stored_type::StoredType| ty.is_optional();
        if !members.contains_key(component.field)
            && facts.types.get(component.field).is_some_and(is_optional)
        {
            members.insert(component.field.to_owned(), Value::Null);
        }
    }
}

/// The JSON text of the members, in the order that they are stored in; new ones come last.
fn text(before: Option<&Fetched>, members: &Members) -> Vec<u8> {
    let stored = before.map(|fetched| json::Members::read(&fetched.settled.opened.body));
    let stored = stored.and_then(std::result::Result::ok);
    let stored = stored.map(|stored| stored.0).unwrap_or_default();
    let mut body = ObjectWriter::default();
    let is_last = |position: usize, name: &String| {
        !stored[position + 1..]
            .iter()
            .any(|(later, _)| later == name)
    };
    for (position, (name, raw)) in stored.iter().enumerate() {
        if let Some(value) = members.get(name).filter(|_| is_last(position, name)) {
            let stays = serde_json::from_str::<Value>(raw.get()).is_ok_and(|was| was == *value);
            match stays {
                true => body.push(name, raw.get()),
                false => body.push(name, &value.to_string()),
            }
        }
    }
    let is_new = |name: &String| !stored.iter().any(|(known, _)| known == name);
    for (name, value) in members.iter().filter(|(name, _)| is_new(name)) {
        body.push(name, &value.to_string());
    }
    body.finish()
}
