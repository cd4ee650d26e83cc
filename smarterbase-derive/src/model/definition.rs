//! Index and unique definitions: their names, their components and the methods that they give.

use proc_macro2::{Ident, Span};

use super::{FieldModel, stored_name_rule};
use crate::{
    attr::{CompositeOptions, IndexOptions, Spanned, UniqueOptions},
    errors::Errors,
    names,
};

/// One index or unique definition.
pub(crate) struct Definition {
    /// The stored name, `by-org-date`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether the user gave the name.
    pub(crate) is_named: bool,
    /// Where `each`, `range` and `lower` were written.
    pub(crate) each: Option<Span>,
    pub(crate) range: Option<Span>,
    pub(crate) lower: Option<Span>,
    /// Positions of the fields, in order; for a scoped unique definition the scope comes first.
    pub(crate) components: Vec<usize>,
    /// What follows `find_by_`.
    pub(crate) method: String,
    /// The attribute.
    pub(crate) span: Span,
    /// What the generated methods point at: the field, or the attribute of several fields.
    pub(crate) method_span: Span,
    /// The attribute that the user wrote, for messages.
    pub(crate) cure: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Index,
    Unique,
}

impl Definition {
    /// The names of the methods that are generated.
    pub(crate) fn methods(&self) -> Vec<String> {
        let method = &self.method;
        let mut methods = vec![format!("find_by_{method}")];
        if self.kind == Kind::Index {
            methods.extend([format!("count_by_{method}"), format!("delete_by_{method}")]);
        }
        if self.range.is_some() {
            methods.push(format!("find_by_{method}_in"));
        }
        methods
    }

    /// The component that `lower` folds: the last one, which stands on the field with the attribute.
    pub(crate) fn folded(&self) -> Option<usize> {
        self.lower.and(self.components.last().copied())
    }
}

/// The attributes of all fields, in the order of the fields.
pub(super) type OnFields = Vec<(usize, Vec<IndexOptions>, Vec<UniqueOptions>)>;

/// Every definition, those on fields first. One that cannot be resolved is reported and left out.
pub(super) fn resolve(
    on_fields: OnFields,
    composites: &[CompositeOptions],
    fields: &[FieldModel],
    errors: &mut Errors,
) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for (position, indexes, uniques) in on_fields {
        definitions.extend(
            indexes
                .into_iter()
                .map(|options| index(&options, position, fields, errors)),
        );
        definitions.extend(
            uniques
                .into_iter()
                .filter_map(|options| unique(&options, position, fields, errors)),
        );
    }
    definitions.extend(
        composites
            .iter()
            .filter_map(|options| composite(options, fields, errors)),
    );
    definitions
}

fn index(
    options: &IndexOptions,
    position: usize,
    fields: &[FieldModel],
    errors: &mut Errors,
) -> Definition {
    let named = Named::new(&options.name, &options.method, &[position], fields, errors);
    Definition {
        name: named.name,
        kind: Kind::Index,
        is_named: options.name.is_some(),
        each: options.each,
        range: options.range,
        lower: options.lower,
        components: vec![position],
        method: named.method,
        span: options.span,
        method_span: fields[position].ident.span(),
        cure: "#[index(name = .., method = ..)]",
    }
}

fn unique(
    options: &UniqueOptions,
    position: usize,
    fields: &[FieldModel],
    errors: &mut Errors,
) -> Option<Definition> {
    let mut components = positions(&options.scope, fields, errors)?;
    if let Some(own) = options
        .scope
        .iter()
        .zip(&components)
        .find(|(_, scope)| **scope == position)
    {
        errors.push(
            own.0.span(),
            format_args!(
                "`{}` cannot be its own scope\n  help: name the field that it is unique within",
                own.0
            ),
        );
        return None;
    }
    components.push(position);
    if components.len() > 4 {
        errors.push(
            options.span,
            "a unique value takes at most four fields, its scope included",
        );
        return None;
    }
    let named = Named::new(&options.name, &options.method, &components, fields, errors);
    Some(Definition {
        name: named.name,
        kind: Kind::Unique,
        is_named: options.name.is_some(),
        each: None,
        range: None,
        lower: options.lower,
        components,
        method: named.method,
        span: options.span,
        method_span: fields[position].ident.span(),
        cure: "#[unique(name = .., method = ..)]",
    })
}

fn composite(
    options: &CompositeOptions,
    fields: &[FieldModel],
    errors: &mut Errors,
) -> Option<Definition> {
    let components = positions(&options.fields, fields, errors)?;
    let named = Named::new(&options.name, &options.method, &components, fields, errors);
    Some(Definition {
        name: named.name,
        kind: if options.unique.is_some() {
            Kind::Unique
        } else {
            Kind::Index
        },
        is_named: options.name.is_some(),
        each: None,
        range: options.range,
        lower: None,
        components,
        method: named.method,
        span: options.span,
        method_span: options.name.as_ref().map_or(options.span, |name| name.span),
        cure: "index(fields(..), name = ..)",
    })
}

/// A definition without a name of its own is called after its fields as they were called when it was made: a rename that
/// keeps the values keeps the definition (rule S11).
pub(super) fn keep_names(model: &mut super::DocumentModel) {
    for definition in &mut model.definitions {
        if definition.is_named {
            continue;
        }
        let names: Vec<String> = definition
            .components
            .iter()
            .map(|position| model.history.origin(&model.fields[*position].stored).name)
            .collect();
        definition.name = names::kebab(&names.join("_and_"));
    }
}

/// The positions of the fields with these names.
fn positions(names: &[Ident], fields: &[FieldModel], errors: &mut Errors) -> Option<Vec<usize>> {
    let found: Vec<_> = names
        .iter()
        .map(|name| find(name, fields, errors))
        .collect();
    found.into_iter().collect()
}

fn find(ident: &Ident, fields: &[FieldModel], errors: &mut Errors) -> Option<usize> {
    let wanted = names::plain(ident);
    let position = fields.iter().position(|field| field.name() == wanted);
    if position.is_none() {
        let all: Vec<String> = fields.iter().map(FieldModel::name).collect();
        let words: Vec<&str> = all.iter().map(String::as_str).collect();
        let hint = names::nearest(&wanted, &words)
            .map(|near| format!("\n  help: did you mean `{near}`?"))
            .unwrap_or_default();
        errors.push(
            ident.span(),
            format_args!(
                "there is no field `{wanted}`; there are: {}{hint}",
                all.join(", ")
            ),
        );
    }
    position
}

/// The stored name and the method of a definition.
struct Named {
    name: String,
    method: String,
}

impl Named {
    fn new(
        name: &Option<Spanned<String>>,
        method: &Option<Spanned<String>>,
        components: &[usize],
        fields: &[FieldModel],
        errors: &mut Errors,
    ) -> Self {
        let join = |part: &dyn Fn(&FieldModel) -> String| {
            components
                .iter()
                .map(|position| part(&fields[*position]))
                .collect::<Vec<_>>()
                .join("_and_")
        };
        let stored = name.as_ref().map_or_else(
            || join(&|field| field.stored.clone()),
            |name| name.value.clone(),
        );
        let stored = names::kebab(&stored);
        let span = name.as_ref().map_or_else(
            || fields[components[components.len() - 1]].stored_span,
            |name| name.span,
        );
        if !names::is_stored_name(&stored) {
            errors.push(span, stored_name_rule("index", &stored, name.is_none()));
        }
        let method = method
            .as_ref()
            .and_then(|method| after_find_by(method, errors))
            .or_else(|| name.as_ref().map(|name| part_of(&name.value)))
            .unwrap_or_else(|| join(&|field| field.name()));
        Self {
            name: stored,
            method,
        }
    }
}

/// `by_org_date` and `by-org-date` give `find_by_org_date`.
fn part_of(name: &str) -> String {
    let name = name.replace('-', "_");
    let part = name.strip_prefix("by_").unwrap_or(&name);
    if names::is_method_part(part) {
        part.to_owned()
    } else {
        "_".to_owned()
    }
}

fn after_find_by(method: &Spanned<String>, errors: &mut Errors) -> Option<String> {
    let part = method
        .value
        .strip_prefix("find_by_")
        .filter(|part| names::is_method_part(part));
    if part.is_none() {
        errors.push(
            method.span,
            format_args!(
                "the method `{0}` must be `find_by_` and a name, since `count_by_..` and `delete_by_..` follow it\n  \
                 help: write `method = find_by_{0}`",
                names::kebab(&method.value).replace('-', "_")
            ),
        );
    }
    part.map(str::to_owned)
}
