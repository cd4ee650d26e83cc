//! `schema!`: the list of a program's documents, and the tests that hold its locks and fixtures.

use heck::ToSnakeCase as _;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, LitStr, Path, Token, Visibility,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

use crate::{history::write_marker, model::default_crate, names};

/// What stands in `schema! { .. }`.
struct List {
    attributes: Vec<Attribute>,
    options: Options,
    visibility: Visibility,
    name: Ident,
    types: Vec<Path>,
}

/// `#[schema(crate = path, schema_dir = "..")]`.
struct Options {
    crate_path: Path,
    folder: String,
}

/// The expansion of `schema!`.
pub(crate) fn schema(input: TokenStream) -> TokenStream {
    match syn::parse2::<List>(input) {
        Ok(list) => {
            write_marker(&list.name.to_string());
            list.expand()
        }
        Err(error) => error.to_compile_error(),
    }
}

impl Parse for List {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (options, attributes): (Vec<_>, Vec<_>) = Attribute::parse_outer(input)?
            .into_iter()
            .partition(|attribute| attribute.path().is_ident("schema"));
        let options = Options::read(&options)?;
        let visibility = input.parse()?;
        let name = input.parse().map_err(|error| {
            syn::Error::new(
                error.span(),
                "a name for the list and its types stand here\n  help: write `schema! { pub Shop { Org, User } }`",
            )
        })?;
        let content;
        syn::braced!(content in input);
        let types: Vec<Path> =
            Punctuated::<Path, Token![,]>::parse_terminated_with(&content, Path::parse_mod_style)?
                .into_iter()
                .collect();
        Ok(Self {
            attributes,
            options,
            visibility,
            name,
            types,
        })
    }
}

impl Options {
    fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self {
            crate_path: default_crate(),
            folder: "schema".to_owned(),
        };
        for attribute in attributes {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    options.crate_path = meta.value()?.call(Path::parse_mod_style)?;
                } else if meta.path.is_ident("schema_dir") {
                    options.folder = meta.value()?.parse::<LitStr>()?.value();
                } else {
                    return Err(meta.error("`#[schema(..)]` takes `crate` and `schema_dir`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

impl List {
    fn expand(&self) -> TokenStream {
        let (item, implementation, tests) = (self.item(), self.implementation(), self.tests());
        quote!(#item #implementation #tests)
    }

    fn item(&self) -> TokenStream {
        let (attributes, visibility, name) = (&self.attributes, &self.visibility, &self.name);
        let has_docs = attributes
            .iter()
            .any(|attribute| attribute.path().is_ident("doc"));
        let docs = (!has_docs).then(|| quote!(#[doc = "The documents of this program."]));
        quote! {
            #docs
            #(#attributes)*
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #visibility struct #name;
        }
    }

    fn implementation(&self) -> TokenStream {
        let (name, types, crate_path) = (&self.name, &self.types, &self.options.crate_path);
        let text = names::plain(name);
        // Panics of the check are shown at the name.
        let span = Span::mixed_site().located_at(name.span());
        let check = quote_spanned! {span=>
            const __SB_MISTAKE: __sb::Option<__sb::Message> = __sb::check_closed_world::<{
                __sb::embedded_slots(<#name as __sb::Schema>::TYPES)
            }>(<#name as __sb::Schema>::NAME, <#name as __sb::Schema>::TYPES);
            const _: () = if let __sb::Some(mistake) = __SB_MISTAKE {
                ::core::panic!("{}", mistake.text())
            };
        };
        quote! {
            #[doc(hidden)]
            const _: () = {
                use #crate_path::__private as __sb;

                #[automatically_derived]
                impl __sb::Schema for #name {
                    const NAME: &'static str = #text;
                    const TYPES: &'static [__sb::DocumentType] = &[#(__sb::DocumentType::of::<#types>()),*];
                }

                // A long list is no mistake.
                #[allow(long_running_const_eval)]
                #check

                // `cargo smarterbase` finds the crates with a list by expanding them again.
                const _: __sb::Option<&str> = __sb::option_env!("SMARTERBASE_SEAL_OUT");
            };
        }
    }

    fn tests(&self) -> TokenStream {
        let (name, crate_path, folder) =
            (&self.name, &self.options.crate_path, &self.options.folder);
        let module = format_ident!("{}_schema", names::plain(name).to_snake_case());
        // The module is one step further in.
        let crate_path = match crate_path.segments.first() {
            Some(first) if first.ident == "self" || first.ident == "super" => {
                quote!(super::#crate_path)
            }
            _ => quote!(#crate_path),
        };
        quote! {
            #[cfg(test)]
            mod #module {
                use #crate_path::__private as __sb;

                const PLACE: __sb::lock::Place = __sb::lock::Place {
                    package: __sb::env!("CARGO_MANIFEST_DIR"),
                    folder: #folder,
                    crate_name: __sb::env!("CARGO_CRATE_NAME"),
                };

                #[test]
                fn locks_hold() {
                    let problems = __sb::lock::problems::<super::#name>(&PLACE);
                    __sb::assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
                }

                #[test]
                fn golden_fixtures_decode() {
                    let problems = __sb::fixture::problems::<super::#name>(&PLACE);
                    __sb::assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
                }

                #[test]
                #[ignore = "for `cargo smarterbase`, which says in the environment what to do"]
                fn smarterbase_chore() {
                    __sb::chore::run::<super::#name>(&PLACE, |url| __sb::boxed(#crate_path::open(url)));
                }
            }
        }
    }
}
