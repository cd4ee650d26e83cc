//! The shape of an embedded type: the tree that is compared between versions of a program.

use proc_macro2::TokenStream;
use quote::quote;

use super::super::spec;
use crate::model::{Body, EmbeddedModel, Part, Variant, VariantFields};

/// The value of `FieldType::SHAPE`.
pub(super) fn of(model: &EmbeddedModel) -> TokenStream {
    if let Some(ty) = &model.stored_as {
        return spec::shape(ty, false);
    }
    match &model.body {
        // A newtype is stored as its field, so it has the field's shape; with a version it has one of its own.
        Body::Newtype(part) if !model.has_shape_of_its_own => part_shape(part),
        Body::Newtype(part) => named(model, std::slice::from_ref(&**part)),
        Body::Struct(parts) => named(model, parts),
        Body::Enum(variants) => enumeration(model, variants),
    }
}

fn named(model: &EmbeddedModel, parts: &[Part]) -> TokenStream {
    embedded(model, &representation(model), &members(parts))
}

fn embedded(model: &EmbeddedModel, before: &[TokenStream], parts: &[TokenStream]) -> TokenStream {
    let (name, version) = (&model.name, model.version);
    quote!(&__sb::Shape::Embedded(#name, #version, &[#(#before,)* #(#parts),*]))
}

fn enumeration(model: &EmbeddedModel, variants: &[Variant]) -> TokenStream {
    let parts: Vec<_> = variants
        .iter()
        .filter(|variant| !variant.skipped)
        .map(|variant| {
            let (name, shape) = (&variant.stored, variant_shape(variant));
            match variant.untagged {
                None => quote!((#name, #shape)),
                Some(_) => quote!(("@untagged", #shape)),
            }
        })
        .collect();
    embedded(model, &representation(model), &parts)
}

/// How serde writes the variants, when it is not the usual way.
fn representation(model: &EmbeddedModel) -> Vec<TokenStream> {
    let leaf = |part: &str, name: &str| quote!((#part, &__sb::Shape::Leaf(#name)));
    let serde = &model.serde;
    let tag = serde.tag.as_ref().map(|tag| leaf("@tag", &tag.value));
    let content = serde
        .content
        .as_ref()
        .map(|content| leaf("@content", &content.value));
    let untagged = serde.untagged.map(|_| leaf("@untagged", ""));
    [tag, content, untagged].into_iter().flatten().collect()
}

fn variant_shape(variant: &Variant) -> TokenStream {
    match &variant.fields {
        VariantFields::Unit => quote!(&__sb::Shape::Leaf("()")),
        VariantFields::Tuple(parts) => match &parts[..] {
            [part] => part_shape(part),
            parts => {
                let shapes = parts
                    .iter()
                    .filter(|part| part.skip.is_none())
                    .map(part_shape);
                quote!(&__sb::Shape::Generic("Tuple", &[#(#shapes),*]))
            }
        },
        VariantFields::Named(parts) => {
            let members = members(parts);
            quote!(&__sb::Shape::Members(&[#(#members),*]))
        }
    }
}

fn members(parts: &[Part]) -> Vec<TokenStream> {
    parts
        .iter()
        .filter(|part| part.skip.is_none())
        .map(|part| {
            let (name, shape) = (&part.stored, part_shape(part));
            quote!((#name, #shape))
        })
        .collect()
}

fn part_shape(part: &Part) -> TokenStream {
    spec::shape(&part.ty, part.opaque.is_some())
}
