//! The inherent items: `FIELDS` and the finders. Bodies are one call each.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use super::{components, docs};
use syn::Visibility;

use crate::model::{Definition, DocumentModel, Kind};

pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let ident = &model.ident;
    let visibility = &model.visibility;
    let about = docs::handles(model);
    let finders = model
        .definitions
        .iter()
        .enumerate()
        .map(|(ordinal, definition)| Finder::new(model, ordinal, definition).expand());
    quote! {
        #[allow(dead_code, private_interfaces, private_bounds, unreachable_pub)]
        impl #ident {
            #[doc = #about]
            #visibility const FIELDS: <#ident as __sb::Document>::Fields = <#ident as __sb::Document>::HANDLES;
            #(#finders)*
        }
    }
}

/// The position of a definition, as a literal.
pub(super) fn ordinal(position: usize) -> Literal {
    Literal::u16_suffixed(
        u16::try_from(position).expect("a type has fewer than 65,536 definitions"),
    )
}

/// The document's visibility, at another place: rustc points at the whole head of a method.
fn located(visibility: &Visibility, span: Span) -> TokenStream {
    visibility
        .to_token_stream()
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

/// The methods of one definition.
struct Finder<'a> {
    model: &'a DocumentModel,
    definition: &'a Definition,
    ordinal: Literal,
    /// The name of the first parameter: `db`, unless a component is called so.
    session: Ident,
    /// Name and type of each component.
    components: Vec<(Ident, TokenStream)>,
}

impl<'a> Finder<'a> {
    fn new(model: &'a DocumentModel, position: usize, definition: &'a Definition) -> Self {
        let components: Vec<_> = components::of(definition)
            .zip(&definition.components)
            .map(|(component, field)| {
                let mut ident = model.sources().get(*field).ident().clone();
                ident.set_span(Span::mixed_site().located_at(ident.span()));
                (ident, components::value_type(model, component))
            })
            .collect();
        let session = ["db", "database", "session", "smarterbase", "__sb_db"]
            .into_iter()
            .find(|name| components.iter().all(|(component, _)| component != name))
            .expect("a definition has at most four components");
        Self {
            model,
            definition,
            ordinal: ordinal(position),
            session: Ident::new(session, Span::mixed_site()),
            components,
        }
    }

    fn expand(&self) -> TokenStream {
        match self.definition.kind {
            Kind::Unique => self.find_one(),
            Kind::Index => {
                let find = self.method(
                    "find_by_",
                    "",
                    "find_many",
                    "FindMany",
                    "",
                    &docs::find_many(self.model, self.definition),
                );
                let count = self.method(
                    "count_by_",
                    "",
                    "find_many",
                    "Count",
                    ".count()",
                    &docs::count(self.model, self.definition),
                );
                let delete = self.method(
                    "delete_by_",
                    "",
                    "find_many",
                    "DeleteMany",
                    ".delete()",
                    &docs::delete(self.model, self.definition),
                );
                let range = self.definition.range.map(|_| self.find_range());
                quote!(#find #range #count #delete)
            }
        }
    }

    fn find_one(&self) -> TokenStream {
        self.method(
            "find_by_",
            "",
            "find_one",
            "FindOne",
            "",
            &docs::find_one(self.model, self.definition),
        )
    }

    /// One method that asks for equality of every component.
    fn method(
        &self,
        prefix: &str,
        suffix: &str,
        call: &str,
        request: &str,
        then: &str,
        about: &str,
    ) -> TokenStream {
        let arguments = self
            .components
            .iter()
            .map(|(ident, ty)| quote!(#ident: impl __sb::IndexArg<#ty>));
        let values = self
            .components
            .iter()
            .map(|(ident, ty)| quote!(__sb::IndexArg::<#ty>::argument(&#ident)));
        let call = format_ident!("{call}");
        let (document, session, ordinal) = (&self.model.ident, &self.session, &self.ordinal);
        let then: TokenStream = then.parse().expect("a method call");
        let body = quote!(__sb::#call::<#document>(#session, #ordinal, &[#(#values),*])#then);
        self.signature(
            &format!("{prefix}{}{suffix}", self.definition.method),
            &quote!(#(#arguments),*),
            request,
            &body,
            about,
        )
    }

    /// The method whose last component is a range.
    fn find_range(&self) -> TokenStream {
        let (last, prefix) = self
            .components
            .split_last()
            .expect("a definition has a component");
        let (range, range_type) = last;
        let arguments = prefix
            .iter()
            .map(|(ident, ty)| quote!(#ident: impl __sb::IndexArg<#ty>,));
        let values = prefix
            .iter()
            .map(|(ident, ty)| quote!(__sb::IndexArg::<#ty>::argument(&#ident)));
        let (document, session, ordinal) = (&self.model.ident, &self.session, &self.ordinal);
        let body = quote!(__sb::find_range::<#document, #range_type>(#session, #ordinal, &[#(#values),*], &#range));
        let arguments = quote!(#(#arguments)* #range: impl __sb::IndexRange<#range_type>);
        let about = docs::find_range(self.model, self.definition);
        self.signature(
            &format!("find_by_{}_in", self.definition.method),
            &arguments,
            "FindMany",
            &body,
            &about,
        )
    }

    /// The name stands at the field, so that a clash with a method of the user points at both.
    fn signature(
        &self,
        name: &str,
        arguments: &TokenStream,
        request: &str,
        body: &TokenStream,
        about: &str,
    ) -> TokenStream {
        let place = self.definition.method_span;
        let span = Span::call_site().located_at(place);
        let name = Ident::new(name, Span::mixed_site().located_at(place));
        let request = format_ident!("{request}");
        let (visibility, document, session) =
            (&self.model.visibility, &self.model.ident, &self.session);
        let visibility = located(visibility, span);
        quote_spanned! {span=>
            #[doc = #about]
            #visibility fn #name<'db>(#session: impl __sb::Into<__sb::Session<'db>>, #arguments) -> __sb::#request<'db, #document> {
                #body
            }
        }
    }
}
