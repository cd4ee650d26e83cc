//! `#[derive(Embedded)]`: the shape of the type, and what a newtype or an enum without data can do besides.

mod shape;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{DeriveInput, Generics};

use super::migrations;
use crate::{
    check,
    errors::Errors,
    model::{Body, EmbeddedModel, Part, Variant, default_crate, span_of},
};

/// The output of `#[derive(Embedded)]`.
pub(crate) fn embedded(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let output = match EmbeddedModel::read(input, &mut errors) {
        Some(mut model) => {
            model.trace(&mut errors);
            check::embedded(&model, &mut errors);
            expand(&model)
        }
        None => fallback(input),
    };
    let errors = errors.into_tokens();
    quote!(#output #errors)
}

fn expand(model: &EmbeddedModel) -> TokenStream {
    let field_type = field_type(model);
    let values = match &model.body {
        Body::Newtype(part) if part.skip.is_none() => newtype(model, part),
        _ => model
            .unit_variants()
            .map(|variants| unit_enum(model, variants))
            .unwrap_or_default(),
    };
    let past = migrations::past_structs(&migrations::Subject::of_embedded(model));
    let lock = migrations::lock(&model.history).map(|lock| quote!(const _: &[u8] = #lock;));
    let draft = migrations::draft(&model.history)
        .map(|draft| quote!(const _: () = __sb::allow_draft(#draft);));
    let tracking = migrations::tracking(&model.history);
    let wrapped = super::wrap(
        &model.crate_path,
        &quote!(#lock #draft #tracking #field_type #values),
    );
    quote!(#past #wrapped)
}

/// A shape that nothing is known of, so that the uses of a refused type cause no errors of their own.
fn fallback(input: &DeriveInput) -> TokenStream {
    let ident = &input.ident;
    let (implement, arguments, conditions) = input.generics.split_for_impl();
    super::wrap(
        &default_crate(),
        &quote! {
            impl #implement __sb::FieldType for #ident #arguments #conditions {
                const SHAPE: &'static __sb::Shape = &__sb::Shape::Opaque;
            }
        },
    )
}

fn field_type(model: &EmbeddedModel) -> TokenStream {
    let ident = &model.ident;
    let generics = with_tracked_parameters(&model.generics);
    let (implement, _, conditions) = generics.split_for_impl();
    let (_, arguments, _) = model.generics.split_for_impl();
    let shape = shape::of(model);
    quote! {
        #[automatically_derived]
        impl #implement __sb::FieldType for #ident #arguments #conditions {
            const SHAPE: &'static __sb::Shape = #shape;
        }
    }
}

/// The parameters, each of a type whose shape is tracked.
fn with_tracked_parameters(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(__sb::FieldType));
    }
    generics
}

/// What a newtype takes over from its field, where the field has it.
fn newtype(model: &EmbeddedModel, part: &Part) -> TokenStream {
    let ty = &part.ty;
    let refined = refined(model);
    let index_value = conditional(
        model,
        ty,
        "IndexValue",
        "InnerIndexValue",
        &quote! {
            const ENCODING: __sb::Encoding = <#ty as __sb::InnerIndexValue<'static>>::ENCODING #refined;

            fn scalar(&self) -> __sb::Scalar<'_> {
                <#ty as __sb::InnerIndexValue<'static>>::scalar(&self.0)
            }
        },
    );
    let present = conditional(
        model,
        ty,
        "PresentValue",
        "InnerPresentValue",
        &TokenStream::new(),
    );
    // A key is also made from the text of a path, which would go past a `try_from`.
    let key = model.stored_as.is_none().then(|| key(model, ty));
    quote!(#index_value #present #key)
}

/// What the type adds to the encoding of its values. Steps of it can have changed them, so its version is part of every
/// definition over it; stored as another type, its JSON is not what is indexed.
fn refined(model: &EmbeddedModel) -> TokenStream {
    let version = model.options.current();
    let at = (version > 1).then(|| quote!(.at(#version)));
    let converted = model.stored_as.as_ref().map(|_| quote!(.converted()));
    quote!(#at #converted)
}

fn key(model: &EmbeddedModel, ty: &syn::Type) -> TokenStream {
    let key = conditional(
        model,
        ty,
        "KeyNewtype",
        "InnerKey",
        &quote! {
            const KIND: __sb::KeyKind = <#ty as __sb::InnerKey<'static>>::KIND;

            fn to_text(&self) -> __sb::KeyText {
                <#ty as __sb::InnerKey<'static>>::to_text(&self.0)
            }

            fn from_text(__sb_text: &str) -> __sb::Result<Self, __sb::Error> {
                __sb::Result::map(<#ty as __sb::InnerKey<'static>>::from_text(__sb_text), Self)
            }
        },
    );
    let automatic = conditional(
        model,
        ty,
        "AutomaticKey",
        "InnerAutomaticKey",
        &quote! {
            fn placeholder() -> Self {
                Self(<#ty as __sb::InnerAutomaticKey<'static>>::placeholder())
            }

            fn fill(&mut self, __sb_moment: &mut __sb::Moment<'_>) {
                <#ty as __sb::InnerAutomaticKey<'static>>::fill(&mut self.0, __sb_moment);
            }
        },
    );
    quote!(#key #automatic)
}

/// `impl Trait for Newtype where for<'a> Field: InnerTrait<'a>`: the lifetime keeps rustc from refusing a bound that does
/// not hold.
fn conditional(
    model: &EmbeddedModel,
    ty: &syn::Type,
    name: &str,
    inner: &str,
    items: &TokenStream,
) -> TokenStream {
    let (ident, span) = (&model.ident, span_of(ty));
    let name = quote::format_ident!("{name}");
    let inner = quote::format_ident!("{inner}");
    let mut generics = model.generics.clone();
    let bound = quote_spanned!(span=> for<'__sb> #ty: __sb::#inner<'__sb>);
    generics
        .make_where_clause()
        .predicates
        .push(syn::parse_quote!(#bound));
    let (implement, arguments, conditions) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #implement __sb::#name for #ident #arguments #conditions { #items }
    }
}

/// An enum without data is indexed as the stored name of its variant.
fn unit_enum(model: &EmbeddedModel, variants: &[Variant]) -> TokenStream {
    let ident = &model.ident;
    let (implement, arguments, conditions) = model.generics.split_for_impl();
    let names = variants.iter().map(|variant| {
        let (variant, stored) = (&variant.ident, &variant.stored);
        quote!(Self::#variant => #stored)
    });
    let refined = refined(model);
    // An enum without variants has no values: an empty `match` needs the value itself.
    let name = if variants.is_empty() {
        quote!(match *self {})
    } else {
        quote!(match self { #(#names),* })
    };
    quote! {
        #[automatically_derived]
        impl #implement __sb::IndexValue for #ident #arguments #conditions {
            const ENCODING: __sb::Encoding = __sb::Encoding::plain("string") #refined;

            fn scalar(&self) -> __sb::Scalar<'_> {
                __sb::Scalar::Text(__sb::Cow::Borrowed(#name))
            }
        }
        #[automatically_derived]
        impl #implement __sb::PresentValue for #ident #arguments #conditions {}
    }
}
