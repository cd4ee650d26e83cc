//! What a type looks like today, in the words of a lock.

use quote::{ToTokens, quote};
use smarterbase_schema::{Form, Part as SealedPart, Representation, Shape, Type, types::OPAQUE};

use super::PartTokens;
use crate::{
    attr::serde,
    model::{
        Body, DocumentModel, EmbeddedModel, FieldModel, Part, Variant, VariantFields, path_of,
    },
};

/// The shape of a document, and where its fields stand.
pub(crate) fn of_document(model: &DocumentModel) -> (Shape, Vec<PartTokens>) {
    let mut shape = Shape::new(Form::Struct);
    shape.key = model.key().map(|key| key.stored.clone());
    shape.parts = model
        .stored()
        .map(|field| {
            SealedPart::new(
                field.stored.clone(),
                &text(&field.ty, field.opaque.is_some()),
            )
        })
        .collect();
    (shape, parts(model))
}

/// Where the fields of a document stand.
pub(crate) fn parts(model: &DocumentModel) -> Vec<PartTokens> {
    let part = |field: &FieldModel| PartTokens {
        name: field.stored.clone(),
        span: field.ident.span(),
        ty: Some(field.ty.clone()),
        default: default(field),
    };
    model.stored().map(part).collect()
}

fn default(field: &FieldModel) -> Option<proc_macro2::TokenStream> {
    let ty = &field.ty;
    field
        .default
        .as_ref()
        .map(|default| match &default.expression {
            Some(expression) => quote!(#expression),
            None => quote!(<#ty as __sb::Default>::default()),
        })
}

/// The shape of an embedded type, and where its parts stand. `None` for one that is stored as another type is.
pub(crate) fn of_embedded(model: &EmbeddedModel) -> Option<(Shape, Vec<PartTokens>)> {
    if model.stored_as.is_some() {
        return None;
    }
    let (form, parts) = match &model.body {
        Body::Newtype(_) if !model.has_shape_of_its_own => return None,
        Body::Newtype(part) => (Form::Newtype, of_parts(std::slice::from_ref(&**part))),
        Body::Struct(parts) if parts.iter().any(|part| part.ident.is_none()) => {
            (Form::Tuple, of_parts(parts))
        }
        Body::Struct(parts) => (Form::Struct, of_parts(parts)),
        Body::Enum(variants) => (Form::Enum, of_variants(variants)),
    };
    let (parts, tokens) = parts.into_iter().unzip();
    let shape = Shape {
        parts,
        representation: representation(&model.serde),
        ..Shape::new(form)
    };
    Some((shape, tokens))
}

fn representation(serde: &serde::Container) -> Representation {
    Representation {
        tag: serde.tag.as_ref().map(|tag| tag.value.clone()),
        content: serde.content.as_ref().map(|content| content.value.clone()),
        untagged: serde.untagged.is_some(),
    }
}

fn of_parts(parts: &[Part]) -> Vec<(SealedPart, PartTokens)> {
    parts
        .iter()
        .filter(|part| part.skip.is_none())
        .map(|part| {
            let tokens = PartTokens {
                name: part.stored.clone(),
                span: part.stored_span,
                ty: Some(part.ty.clone()),
                default: None,
            };
            (
                SealedPart::new(part.stored.clone(), &part_text(part)),
                tokens,
            )
        })
        .collect()
}

fn of_variants(variants: &[Variant]) -> Vec<(SealedPart, PartTokens)> {
    variants
        .iter()
        .filter(|variant| !variant.skipped)
        .map(|variant| {
            let tokens = PartTokens {
                name: variant.stored.clone(),
                span: variant.stored_span,
                ty: None,
                default: None,
            };
            let content = content(&variant.fields);
            (SealedPart::new(variant.stored.clone(), &content), tokens)
        })
        .collect()
}

fn content(fields: &VariantFields) -> String {
    match fields {
        VariantFields::Unit => "()".to_owned(),
        VariantFields::Tuple(parts) => match &parts[..] {
            [part] => part_text(part),
            parts => format!("({})", joined(parts, part_text)),
        },
        VariantFields::Named(parts) => {
            let members = joined(parts, |part| {
                format!("{}: {}", part.stored, part_text(part))
            });
            format!("{{{members}}}")
        }
    }
}

fn joined(parts: &[Part], text: impl Fn(&Part) -> String) -> String {
    let texts: Vec<String> = parts
        .iter()
        .filter(|part| part.skip.is_none())
        .map(text)
        .collect();
    texts.join(", ")
}

fn part_text(part: &Part) -> String {
    text(&part.ty, part.opaque.is_some())
}

/// A type as it stands in a lock.
pub(crate) fn text(ty: &syn::Type, opaque: bool) -> String {
    if opaque {
        return OPAQUE.to_owned();
    }
    let mut text = String::new();
    if write_path(ty, &mut text) {
        return text;
    }
    Type::parse(&ty.to_token_stream().to_string()).to_string()
}

/// Writes a path with types as its parameters, as [`Type`] does but without the detour through tokens. False for other types,
/// of which something may have been written.
fn write_path(ty: &syn::Type, text: &mut String) -> bool {
    let Some(path) = path_of(ty) else {
        return false;
    };
    let mut segments = path.segments.iter();
    let Some(syn::PathSegment { ident, arguments }) = segments.next() else {
        return false;
    };
    if path.leading_colon.is_some() || segments.next().is_some() {
        return false;
    }
    text.push_str(&ident.to_string());
    match arguments {
        syn::PathArguments::None => true,
        syn::PathArguments::AngleBracketed(list) => write_parameters(list, text),
        syn::PathArguments::Parenthesized(_) => false,
    }
}

fn write_parameters(list: &syn::AngleBracketedGenericArguments, text: &mut String) -> bool {
    let mut before = "<";
    for argument in &list.args {
        text.push_str(before);
        before = ", ";
        if !matches!(argument, syn::GenericArgument::Type(ty) if write_path(ty, text)) {
            return false;
        }
    }
    text.push('>');
    !list.args.is_empty()
}
