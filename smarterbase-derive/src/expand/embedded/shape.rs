//! The shape of an embedded type: the tree that is compared between versions of a program.

use proc_macro2::TokenStream;
use quote::quote;

use super::super::{migrations, spec};
use crate::model::{Body, EmbeddedModel, Part, Variant, VariantFields};

/// The value of `FieldType::SHAPE`.
pub(super) fn of(model: &EmbeddedModel) -> TokenStream {
    if let Some(ty) = &model.stored_as {
        return spec::shape(ty, false);
    }
    match &model.body {
        // A newtype is stored as its field, so it has the field's shape; with a version it has one of its own.
        Body::Newtype(part) if !model.has_shape_of_its_own => part_shape(part),
        Body::Newtype(part) => named(model, std::slice::from_ref(&**part), "Newtype"),
        Body::Struct(parts) if parts.iter().any(|part| part.ident.is_none()) => {
            named(model, parts, "Tuple")
        }
        Body::Struct(parts) => named(model, parts, "Struct"),
        Body::Enum(variants) => enumeration(model, variants),
    }
}

fn named(model: &EmbeddedModel, parts: &[Part], form: &str) -> TokenStream {
    let form = quote::format_ident!("{form}");
    embedded(model, &quote!(__sb::EmbeddedForm::#form), &members(parts))
}

fn embedded(model: &EmbeddedModel, form: &TokenStream, parts: &[TokenStream]) -> TokenStream {
    let (name, version) = (&model.name, model.options.current());
    let oldest = model.history.readable_from;
    let parameters = model.generics.type_params().map(|parameter| {
        let ident = &parameter.ident;
        quote!(<#ident as __sb::FieldType>::SHAPE)
    });
    let migrations = migrations::steps(&migrations::Subject::of_embedded(model));
    quote! {
        &__sb::Shape::Embedded(&__sb::EmbeddedSpec {
            name: #name,
            version: #version,
            readable_from: #oldest,
            parameters: &[#(#parameters),*],
            form: #form,
            parts: &[#(#parts),*],
            migrations: &[#migrations],
        })
    }
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
    let representation = representation(model);
    embedded(
        model,
        &quote!(__sb::EmbeddedForm::Enum(#representation)),
        &parts,
    )
}

/// How serde writes the variants.
fn representation(model: &EmbeddedModel) -> TokenStream {
    let serde = &model.serde;
    let tag = serde.tag.as_ref().map(|tag| &tag.value);
    let content = serde.content.as_ref().map(|content| &content.value);
    match (tag, content, serde.untagged) {
        (_, _, Some(_)) => quote!(__sb::Representation::Untagged),
        (Some(tag), Some(content), None) => {
            quote!(__sb::Representation::Adjacent(#tag, #content))
        }
        (Some(tag), None, None) => quote!(__sb::Representation::Tagged(#tag)),
        _ => quote!(__sb::Representation::Named),
    }
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
