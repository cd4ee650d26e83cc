//! What a type looks like today, in the words of a lock.

use quote::{ToTokens, quote};
use smarterbase_schema::{Form, Part as SealedPart, Representation, Shape, Type, types::OPAQUE};

use super::PartTokens;
use crate::{
    attr::serde,
    model::{Body, DocumentModel, EmbeddedModel, FieldModel, Part, Variant, VariantFields},
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
    let parts = model.stored().map(|field| PartTokens {
        name: field.stored.clone(),
        span: field.ident.span(),
        ty: Some(field.ty.clone()),
        default: default(field),
    });
    (shape, parts.collect())
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
fn text(ty: &syn::Type, opaque: bool) -> String {
    if opaque {
        return OPAQUE.to_owned();
    }
    Type::parse(&ty.to_token_stream().to_string()).to_string()
}
