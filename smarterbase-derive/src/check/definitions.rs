//! Rules about indexes and unique values. A definition that breaks one is taken out, so that it causes no other errors.

use proc_macro2::Span;

use crate::{
    errors::Errors,
    model::{Definition, DocumentModel, Role, Source, Sources},
};

pub(super) fn check(model: &mut DocumentModel, errors: &mut Errors) {
    let mut definitions = std::mem::take(&mut model.definitions);
    definitions.retain(|definition| {
        on_stored_fields(definition, model.sources(), errors)
            && options(definition, errors)
            && lists(definition, model.sources(), errors)
    });
    model.definitions = distinct(definitions, errors);
}

fn on_stored_fields(definition: &Definition, sources: Sources<'_>, errors: &mut Errors) -> bool {
    for position in &definition.components {
        let Source::Field(field) = sources.get(*position) else {
            continue;
        };
        let name = field.name();
        let problem = match field.role() {
            Some(role @ (Role::Skip | Role::Revision)) => {
                format!(
                    "`{name}` is `{}`, so it is not stored and cannot be indexed",
                    role.name()
                )
            }
            _ if field.serde.flatten.is_some() => {
                format!("`{name}` is flattened, so it has no value that could be indexed")
            }
            _ if field.key.is_some() && definition.is_partial() => continue,
            _ if field.key.is_some() && definition.components.len() == 1 => {
                let cure = "`get` finds a document by its key, and keys are unique";
                format!("`{name}` is the key, so it needs no index\n  help: remove this: {cure}")
            }
            _ => continue,
        };
        errors.push(definition.span, problem);
        return false;
    }
    true
}

/// Options that exclude each other (S27: a list has many values, so it has no order).
fn options(definition: &Definition, errors: &mut Errors) -> bool {
    let many_or_none = definition.each.or(definition.lower);
    if let (Some(ttl), Some(_)) = (&definition.ttl, many_or_none) {
        errors.push(
            ttl.span,
            "`ttl` counts from one moment, so it stands neither with `each` nor with `lower`\n  \
             help: write `#[index(ttl = \"30d\")]` on a field of the type `Timestamp`",
        );
        return false;
    }
    if let (Some(_), Some(range)) = (definition.each, definition.range) {
        errors.push(
            range,
            "`each` and `range` exclude each other: a list has many values, so it has no place in an order\n  \
             help: write `#[index(each)]`, and keep the value to order by in a field of its own",
        );
        return false;
    }
    true
}

/// `each` on a type that is known not to be a list. The compiler judges all other types, but it would repeat itself, since
/// the type of the elements stands in many places.
fn lists(definition: &Definition, sources: Sources<'_>, errors: &mut Errors) -> bool {
    const VALUES: [&str; 20] = [
        "String",
        "Uuid",
        "Timestamp",
        "bool",
        "char",
        "i8",
        "i16",
        "i32",
        "i64",
        "i128",
        "isize",
        "u8",
        "u16",
        "u32",
        "u64",
        "u128",
        "usize",
        "f32",
        "f64",
        "Id",
    ];
    let Some(each) = definition.each else {
        return true;
    };
    let source = sources.get(definition.components[0]);
    let single = match source.ty() {
        syn::Type::Path(path) => path
            .path
            .segments
            .last()
            .filter(|last| VALUES.iter().any(|value| last.ident == value)),
        _ => None,
    };
    if let Some(ty) = single {
        errors.push(
            each,
            format_args!(
                "`{}` is a `{}`, not a list, so it has no elements to index\n  \
                 help: write `#[index]`; `each` is for `Vec`, `BTreeSet`, `HashSet` and arrays",
                source.name(),
                ty.ident
            ),
        );
    }
    single.is_none()
}

/// Leaves out definitions whose methods or names an earlier one has.
fn distinct(definitions: Vec<Definition>, errors: &mut Errors) -> Vec<Definition> {
    let mut kept: Vec<Definition> = Vec::new();
    for definition in definitions {
        match kept
            .iter()
            .find_map(|earlier| clash(earlier, &definition).map(|what| (earlier.span, what)))
        {
            Some((earlier, what)) => report(&definition, earlier, &what, errors),
            None => kept.push(definition),
        }
    }
    kept
}

/// What two definitions share.
fn clash(earlier: &Definition, later: &Definition) -> Option<String> {
    let methods = earlier.methods();
    let shared = later
        .methods()
        .into_iter()
        .find(|method| methods.contains(method));
    shared
        .map(|method| format!("two definitions give the method `{method}`"))
        .or_else(|| {
            (earlier.name == later.name)
                .then(|| format!("two definitions have the name `{}`", later.name))
        })
}

fn report(later: &Definition, earlier: Span, what: &str, errors: &mut Errors) {
    errors.push_pair(
        later.span,
        format_args!(
            "{what}\n  help: choose another one for one of them: `{}`",
            later.cure
        ),
        earlier,
        "the other definition is here",
    );
}
