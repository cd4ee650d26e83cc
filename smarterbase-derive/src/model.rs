//! What the user said, with every name resolved: the input of the checks and of the expansion.

mod definition;
mod embedded;
mod field;
mod reference;
mod source;

pub(crate) use definition::{Definition, Kind};
pub(crate) use embedded::{Body, EmbeddedModel, Part, Variant, VariantFields};
pub(crate) use field::{FieldModel, Role};
pub(crate) use reference::Reference;
pub(crate) use source::{Computed, Source, Sources};

use proc_macro2::{Ident, Span};
use quote::quote;
use syn::{Data, DeriveInput, Fields, Path, Visibility};

use crate::{
    attr::{DocumentOptions, HistoryOptions, NewOptions, PolicyOptions, Unknown, serde},
    errors::Errors,
    history::{self, History, Subject},
    names,
};

/// A struct with `#[derive(Document)]`.
pub(crate) struct DocumentModel {
    pub(crate) ident: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) crate_path: Path,
    pub(crate) collection: String,
    pub(crate) options: HistoryOptions,
    pub(crate) history: History,
    pub(crate) policy: PolicyOptions,
    pub(crate) shards: u8,
    pub(crate) unknown: Unknown,
    pub(crate) keeps_history: bool,
    pub(crate) new: Option<NewOptions>,
    pub(crate) fields: Vec<FieldModel>,
    pub(crate) computed: Vec<Computed>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) references: Vec<Reference>,
    pub(crate) serde: serde::Container,
}

impl DocumentModel {
    /// The model of `input`; `None` when it has a form that no document has, which is reported.
    pub(crate) fn read(input: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        let mut options = DocumentOptions::read(&input.attrs, errors);
        let named = form(input, errors)?;
        let container = serde::Container::read(&input.attrs);
        let mut fields = Vec::new();
        let (mut definitions, mut references) = (Vec::new(), Vec::new());
        for (position, field) in named.iter().enumerate() {
            let (model, on_field) = FieldModel::read(field, &input.ident, &container, errors);
            definitions.push((position, on_field.indexes, on_field.uniques));
            references.extend(on_field.references.map(|options| (position, options)));
            fields.push(model);
        }
        let mut computed = Vec::new();
        for value in std::mem::take(&mut options.computed) {
            let position = fields.len() + computed.len();
            let (value, indexes, uniques) = Computed::read(value, &input.ident);
            definitions.push((position, indexes, uniques));
            computed.push(value);
        }
        let sources = Sources {
            fields: &fields,
            computed: &computed,
        };
        let definitions =
            definition::resolve(definitions, &options.indexes, sources, &input.ident, errors);
        let references = reference::resolve(references, &fields, errors);
        Some(Self {
            references,
            collection: collection(&input.ident, &options, errors),
            shards: shards(&options, errors),
            unknown: options.unknown.unwrap_or(Unknown::Keep),
            keeps_history: options.keeps_history.is_some(),
            crate_path: options.crate_path.clone().unwrap_or_else(default_crate),
            history: History::none(options.history.current()),
            options: options.history,
            policy: options.policy,
            ident: input.ident.clone(),
            visibility: input.vis.clone(),
            new: options.new,
            fields,
            computed,
            definitions,
            serde: container,
        })
    }

    /// Checks the type's history. Definitions without a name of their own are called as they were when they were made.
    pub(crate) fn trace(&mut self, errors: &mut Errors) {
        let (shape, parts) = history::of_document(self);
        let subject = Subject {
            kind: smarterbase_schema::Kind::Document,
            type_name: names::plain(&self.ident),
            name: &self.collection,
            span: self.ident.span(),
            options: &self.options,
            shape,
            is_generic: false,
            parts,
        };
        self.history = history::check(&subject, errors);
        definition::keep_names(self);
    }

    /// The key field; the checks have reported it when there is none.
    pub(crate) fn key(&self) -> Option<&FieldModel> {
        self.fields.iter().find(|field| field.key.is_some())
    }

    /// What definitions are over.
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            fields: &self.fields,
            computed: &self.computed,
        }
    }

    /// The values that methods give, by their positions; without those whose names are taken.
    pub(crate) fn values(&self) -> impl Iterator<Item = (usize, &Computed)> {
        let values = self.computed.iter().enumerate();
        values.filter(|(_, computed)| !computed.is_taken)
    }

    /// The last version whose steps made values of any field: the functions of the type may read every one.
    pub(crate) fn touched(&self) -> u32 {
        let versions = self
            .stored()
            .map(|field| self.history.origin(&field.stored).touched);
        versions.max().unwrap_or(1)
    }

    /// The fields that are stored.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &FieldModel> {
        self.fields.iter().filter(|field| field.is_stored())
    }
}

/// `::smarterbase`.
pub(crate) fn default_crate() -> Path {
    syn::parse_quote!(::smarterbase)
}

/// The named fields of a struct without parameters.
fn form<'a>(
    input: &'a DeriveInput,
    errors: &mut Errors,
) -> Option<&'a syn::punctuated::Punctuated<syn::Field, syn::Token![,]>> {
    let before = generics(input, errors);
    let span = input.ident.span();
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            Fields::Unnamed(_) | Fields::Unit => {
                errors.push(
                    span,
                    "a document is a struct with named fields: it is stored as a JSON object\n  \
                     help: give the fields names; a newtype inside a document takes `#[derive(Embedded)]`",
                );
                None
            }
        },
        Data::Enum(_) => {
            errors.push(
                span,
                "a document is a struct with named fields, not an enum\n  \
                 help: put the enum into a field of a document and write `#[derive(Embedded)]` on it",
            );
            None
        }
        Data::Union(_) => {
            errors.push(
                span,
                "a document is a struct with named fields, not a union",
            );
            None
        }
    };
    fields.filter(|_| before)
}

fn generics(input: &DeriveInput, errors: &mut Errors) -> bool {
    let mut plain = true;
    for parameter in &input.generics.params {
        plain = false;
        match parameter {
            syn::GenericParam::Lifetime(lifetime) => errors.push(
                lifetime.lifetime.span(),
                "a document cannot borrow: it is decoded from storage, so it must own its data\n  \
                 help: write `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
            ),
            syn::GenericParam::Type(parameter) => {
                errors.push(parameter.ident.span(), one_shape("type"))
            }
            syn::GenericParam::Const(parameter) => {
                errors.push(parameter.ident.span(), one_shape("const"))
            }
        }
    }
    if let Some(clause) = &input.generics.where_clause
        && plain
    {
        plain = false;
        errors.push(
            clause.where_token.span,
            "a document has no type parameters, so it has no `where` clause either",
        );
    }
    plain
}

fn one_shape(kind: &str) -> String {
    format!(
        "a document has no {kind} parameters: one collection has one name and one shape\n  \
         help: write one struct per collection, or put the generic part into a field of a type with `#[derive(Embedded)]`"
    )
}

fn collection(ident: &Ident, options: &DocumentOptions, errors: &mut Errors) -> String {
    let (name, span, made) = match &options.name {
        Some(name) => (name.value.clone(), name.span, false),
        None => (names::kebab(&names::plain(ident)), ident.span(), true),
    };
    if !names::is_stored_name(&name) {
        errors.push(span, stored_name_rule("collection", &name, made));
    }
    name
}

/// The message for a name that cannot be stored.
pub(crate) fn stored_name_rule(what: &str, name: &str, made: bool) -> String {
    let cure = if made {
        "write `name = \"..\"` to choose one".to_owned()
    } else {
        match names::kebab(name) {
            near if names::is_stored_name(&near) => format!("write `{near}`"),
            _ => "start with a letter, for example `users`".to_owned(),
        }
    };
    format!(
        "`{name}` cannot be the name of {} {what}: it must match `[a-z][a-z0-9-]*`\n  help: {cure}",
        article(what)
    )
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

fn shards(options: &DocumentOptions, errors: &mut Errors) -> u8 {
    match &options.shards {
        None => 1,
        Some(shards) if shards.value == 1 => 1,
        Some(shards) if shards.value == 16 => 16,
        Some(shards) => {
            errors.push(
                shards.span,
                "`shards` is 1 or 16\n  help: `shards = 16` spreads the documents over 16 prefixes, for high write rates",
            );
            1
        }
    }
}

/// The type with every `Self` replaced; most types hold none, and need not be taken apart.
pub(crate) fn named(ty: &syn::Type, ident: &Ident) -> syn::Type {
    if is_plain(ty) {
        ty.clone()
    } else {
        without_self(ty, ident)
    }
}

/// The path of a type that is one and nothing else.
pub(crate) fn path_of(ty: &syn::Type) -> Option<&Path> {
    match ty {
        syn::Type::Path(ty) if ty.qself.is_none() && ty.attrs.is_empty() => Some(&ty.path),
        _ => None,
    }
}

/// Whether a type is a path of names other than `Self`, with parameters that are such types.
fn is_plain(ty: &syn::Type) -> bool {
    let Some(path) = path_of(ty) else {
        return false;
    };
    path.segments
        .iter()
        .all(|segment| match &segment.arguments {
            syn::PathArguments::None => segment.ident != "Self",
            syn::PathArguments::AngleBracketed(list) => list
                .args
                .iter()
                .all(|argument| matches!(argument, syn::GenericArgument::Type(ty) if is_plain(ty))),
            syn::PathArguments::Parenthesized(_) => false,
        })
}

/// `type` with every `Self` replaced by the type's name: field types also stand where there is no `Self`.
pub(crate) fn without_self<T: quote::ToTokens + syn::parse::Parse + Clone>(
    ty: &T,
    ident: &Ident,
) -> T {
    fn replace(tokens: proc_macro2::TokenStream, ident: &Ident) -> proc_macro2::TokenStream {
        tokens
            .into_iter()
            .map(|token| match token {
                proc_macro2::TokenTree::Ident(word) if word == "Self" => {
                    Ident::new(&ident.to_string().replace("r#", ""), word.span()).into()
                }
                proc_macro2::TokenTree::Group(group) => {
                    let mut new =
                        proc_macro2::Group::new(group.delimiter(), replace(group.stream(), ident));
                    new.set_span(group.span());
                    new.into()
                }
                other => other,
            })
            .collect()
    }
    let tokens = replace(quote!(#ty), ident);
    syn::parse2(tokens).unwrap_or_else(|_| ty.clone())
}

/// As [`span_of`]; most types are one name, and need not be written as tokens to find it.
pub(crate) fn span_of_type(ty: &syn::Type) -> Span {
    match path_of(ty).and_then(Path::get_ident) {
        Some(name) => Span::call_site().located_at(name.span()),
        None => span_of(ty),
    }
}

/// The place of `tokens`, for what is generated about them. Names resolve as the rest of the expansion does, also when the
/// struct was written by a `macro_rules!`.
pub(crate) fn span_of(tokens: &impl quote::ToTokens) -> Span {
    Span::call_site().located_at(syn::spanned::Spanned::span(tokens))
}
