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
    let finders: TokenStream = model
        .definitions
        .iter()
        .enumerate()
        .flat_map(|(ordinal, definition)| Finder::new(model, ordinal, definition).expand())
        .collect();
    quote! {
        impl #ident {
            #[doc = #about]
            #visibility const FIELDS: <#ident as __sb::Document>::Fields = <#ident as __sb::Document>::HANDLES;
            #finders
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

/// A method that asks for equality.
struct Verb {
    prefix: &'static str,
    /// The function for a definition over one component.
    of_one: &'static str,
    /// The function for one over several, and the method that is called on its result.
    of_several: &'static str,
    then: Option<&'static str>,
    /// What the method returns.
    request: &'static str,
}

const FIND_ONE: Verb = Verb {
    prefix: "find_by_",
    of_one: "find_one_by",
    of_several: "find_one",
    then: None,
    request: "FindOne",
};
const FIND_MANY: Verb = Verb {
    prefix: "find_by_",
    of_one: "find_many_by",
    of_several: "find_many",
    then: None,
    request: "FindMany",
};
const COUNT: Verb = Verb {
    prefix: "count_by_",
    of_one: "count_by",
    of_several: "find_many",
    then: Some("count"),
    request: "Count",
};
const DELETE: Verb = Verb {
    prefix: "delete_by_",
    of_one: "delete_by",
    of_several: "find_many",
    then: Some("delete"),
    request: "DeleteMany",
};

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

    fn expand(&self) -> Vec<TokenStream> {
        let (model, definition) = (self.model, self.definition);
        if definition.kind == Kind::Unique {
            return vec![self.method(&FIND_ONE, &docs::find_one(model, definition))];
        }
        let range = definition.range.map(|_| self.find_range());
        let mut methods = vec![self.method(&FIND_MANY, &docs::find_many(model, definition))];
        methods.extend(range);
        methods.push(self.method(&COUNT, &docs::count(model, definition)));
        methods.push(self.method(&DELETE, &docs::delete(model, definition)));
        methods
    }

    /// One method that asks for equality of every component.
    fn method(&self, verb: &Verb, about: &str) -> TokenStream {
        let arguments = self
            .components
            .iter()
            .map(|(ident, ty)| quote!(#ident: impl __sb::IndexArg<#ty>));
        self.signature(
            &format!("{}{}", verb.prefix, self.definition.method),
            &quote!(#(#arguments),*),
            verb.request,
            &self.call(verb),
            about,
        )
    }

    /// The call of one function; most definitions have one component, and then it takes that alone.
    fn call(&self, verb: &Verb) -> TokenStream {
        let (document, session, ordinal) = (&self.model.ident, &self.session, &self.ordinal);
        if let [(ident, ty)] = &self.components[..] {
            let call = format_ident!("{}", verb.of_one);
            return quote!(__sb::#call::<#document, #ty>(#session, #ordinal, &#ident));
        }
        let call = format_ident!("{}", verb.of_several);
        let values = self
            .components
            .iter()
            .map(|(ident, ty)| quote!(__sb::IndexArg::<#ty>::argument(&#ident)));
        let then = verb.then.map(|then| {
            let then = format_ident!("{then}");
            quote!(.#then())
        });
        quote!(__sb::#call::<#document>(#session, #ordinal, &[#(#values),*])#then)
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
