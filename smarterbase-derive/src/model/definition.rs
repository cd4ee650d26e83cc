//! Index and unique definitions: their names, their components and the methods that they give.

use proc_macro2::{Ident, Span};

use super::{Source, Sources, stored_name_rule, without_self};
use crate::{
    attr::{CompositeOptions, IndexOptions, PredicateOptions, Spanned, UniqueOptions},
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
    /// Of a TTL index, how many seconds after its moment a document is past its time.
    pub(crate) ttl: Option<Spanned<u64>>,
    pub(crate) lower: Option<Span>,
    /// Which documents it holds; `None`: all.
    pub(crate) predicate: Option<PredicateOptions>,
    /// Positions of the fields and computed values, in order; for a scoped unique definition the scope comes first.
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

    pub(crate) fn is_partial(&self) -> bool {
        self.predicate.is_some()
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
    sources: Sources<'_>,
    document: &Ident,
    errors: &mut Errors,
) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for (position, indexes, uniques) in on_fields {
        definitions.extend(
            indexes
                .into_iter()
                .map(|options| index(&options, position, sources, errors)),
        );
        definitions.extend(
            uniques
                .into_iter()
                .filter_map(|options| unique(&options, position, sources, errors)),
        );
    }
    definitions.extend(
        composites
            .iter()
            .filter_map(|options| composite(options, sources, errors)),
    );
    for predicate in definitions
        .iter_mut()
        .filter_map(|definition| definition.predicate.as_mut())
    {
        predicate.path = without_self(&predicate.path, document);
    }
    definitions
}

fn index(
    options: &IndexOptions,
    position: usize,
    sources: Sources<'_>,
    errors: &mut Errors,
) -> Definition {
    let named = Wanted::new(&options.name, &options.method, options.predicate.as_ref()).of(
        &[position],
        sources,
        errors,
    );
    Definition {
        name: named.name,
        kind: Kind::Index,
        is_named: options.name.is_some(),
        each: options.each,
        range: options.range.or(options.ttl.as_ref().map(|ttl| ttl.span)),
        ttl: options.ttl.clone(),
        lower: options.lower,
        predicate: options.predicate.clone(),
        components: vec![position],
        method: named.method,
        span: options.span,
        method_span: sources.get(position).ident().span(),
        cure: "#[index(name = .., method = ..)]",
    }
}

fn unique(
    options: &UniqueOptions,
    position: usize,
    sources: Sources<'_>,
    errors: &mut Errors,
) -> Option<Definition> {
    let mut components = positions(&options.scope, sources, errors)?;
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
    let named = Wanted::new(&options.name, &options.method, options.predicate.as_ref()).of(
        &components,
        sources,
        errors,
    );
    Some(Definition {
        name: named.name,
        kind: Kind::Unique,
        is_named: options.name.is_some(),
        each: None,
        range: None,
        ttl: None,
        lower: options.lower,
        predicate: options.predicate.clone(),
        components,
        method: named.method,
        span: options.span,
        method_span: sources.get(position).ident().span(),
        cure: "#[unique(name = .., method = ..)]",
    })
}

fn composite(
    options: &CompositeOptions,
    sources: Sources<'_>,
    errors: &mut Errors,
) -> Option<Definition> {
    let components = positions(&options.fields, sources, errors)?;
    let named = Wanted::new(&options.name, &options.method, options.predicate.as_ref()).of(
        &components,
        sources,
        errors,
    );
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
        ttl: None,
        lower: None,
        predicate: options.predicate.clone(),
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
    let sources = Sources {
        fields: &model.fields,
        computed: &model.computed,
    };
    for definition in &mut model.definitions {
        if definition.is_named {
            continue;
        }
        let name = |position: &usize| match sources.get(*position) {
            Source::Field(field) => model.history.origin(&field.stored).name,
            Source::Computed(computed) => computed.name(),
        };
        let names: Vec<String> = definition.components.iter().map(name).collect();
        let name = called(&names, definition.predicate.as_ref());
        definition.name = names::kebab(&name);
    }
}

/// The positions of the fields with these names.
fn positions(names: &[Ident], sources: Sources<'_>, errors: &mut Errors) -> Option<Vec<usize>> {
    let found: Vec<_> = names
        .iter()
        .map(|name| find(name, sources, errors))
        .collect();
    found.into_iter().collect()
}

fn find(ident: &Ident, sources: Sources<'_>, errors: &mut Errors) -> Option<usize> {
    let wanted = names::plain(ident);
    let position = sources.all().position(|source| source.name() == wanted);
    if position.is_none() {
        let all: Vec<String> = sources.all().map(Source::name).collect();
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

/// What the user said of them.
struct Wanted<'a> {
    name: &'a Option<Spanned<String>>,
    method: &'a Option<Spanned<String>>,
    predicate: Option<&'a PredicateOptions>,
}

impl<'a> Wanted<'a> {
    fn new(
        name: &'a Option<Spanned<String>>,
        method: &'a Option<Spanned<String>>,
        predicate: Option<&'a PredicateOptions>,
    ) -> Self {
        Self {
            name,
            method,
            predicate,
        }
    }

    fn of(&self, components: &[usize], sources: Sources<'_>, errors: &mut Errors) -> Named {
        let join = |name: &dyn Fn(Source<'_>) -> String| {
            let names: Vec<_> = components
                .iter()
                .map(|position| name(sources.get(*position)))
                .collect();
            called(&names, self.predicate)
        };
        let stored = self.name.as_ref().map_or_else(
            || join(&|source| source.stored()),
            |name| name.value.clone(),
        );
        let stored = names::kebab(&stored);
        let span = self.name.as_ref().map_or_else(
            || sources.get(components[components.len() - 1]).stored_span(),
            |name| name.span,
        );
        if !names::is_stored_name(&stored) {
            errors.push(
                span,
                stored_name_rule("index", &stored, self.name.is_none()),
            );
        }
        let method = self
            .method
            .as_ref()
            .and_then(|method| after_find_by(method, errors))
            .or_else(|| self.name.as_ref().map(|name| part_of(&name.value)))
            .unwrap_or_else(|| join(&|source| source.name()));
        Named {
            name: stored,
            method,
        }
    }
}

/// `org_id_and_slug`; `email_where_is_active` of a partial definition, so that nobody takes its finder for one of all
/// documents.
fn called(names: &[String], predicate: Option<&PredicateOptions>) -> String {
    let names = names.join("_and_");
    match predicate {
        Some(predicate) => format!("{names}_where_{}", predicate.function),
        None => names,
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
