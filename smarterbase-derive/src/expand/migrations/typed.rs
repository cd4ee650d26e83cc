//! The calls of the user's functions: old types come from the lock, new ones from the next sealed version or the struct.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use smarterbase_schema::{Part, Step, Type};

use super::{StepContext, past};
use crate::model::span_of;

impl StepContext<'_> {
    /// The function pointer of a step.
    pub(super) fn run(&self) -> TokenStream {
        match &self.typed.step {
            Step::Add(_) => self.added(),
            Step::Custom(keeps) => self.custom(keeps),
            Step::Split(..) => self.call(&quote!(split), &self.new_tuple()),
            _ => self.call(&quote!(converted), &self.new_type(&self.typed.gives[0])),
        }
    }

    fn added(&self) -> TokenStream {
        let part = &self.typed.gives[0];
        let ty = self.new_type(part);
        let value = match &self.options.value {
            Some(value) => quote!(#value),
            None => self.bare_value(part),
        };
        let span = self
            .options
            .value
            .as_ref()
            .map_or(self.options.span, span_of);
        quote_spanned!(span=> |_| __sb::added::<#ty>(&#value))
    }

    /// The value of `add(field)`: the history was checked, so there is one.
    fn bare_value(&self, part: &Part) -> TokenStream {
        let is_current = self.link.from + 1 == self.subject.options.current();
        let default = self
            .subject
            .parts
            .iter()
            .find(|tokens| tokens.name == part.name)
            .and_then(|tokens| tokens.default.clone());
        default
            .filter(|_| is_current)
            .unwrap_or_else(|| quote!(__sb::None))
    }

    fn custom(&self, keeps: &[String]) -> TokenStream {
        let function = &self.options.function;
        let old = past::path(self.subject, self.link.from);
        let new = past::path(self.subject, self.link.from + 1);
        let shapes = self.typed.takes.iter().map(|part| {
            if part.is_opaque() {
                return quote!(&__sb::Shape::Opaque);
            }
            let ty = self.old_type(part);
            quote!(<#ty as __sb::FieldType>::SHAPE)
        });
        let gives = super::names(&self.typed.gives);
        quote!(|__sb_call| __sb::custom::<#old, #new, _>(__sb_call, &[#(#shapes),*], &[#(#gives),*], &[#(#keeps),*], #function))
    }

    /// A call of the step's function with its arguments as a tuple.
    fn call(&self, with: &TokenStream, new: &TokenStream) -> TokenStream {
        let takes = &self.typed.takes;
        if takes.iter().any(Part::is_opaque) {
            return self.untracked(with, new);
        }
        let types = takes.iter().map(|part| self.old_type(part));
        let arguments: Vec<Ident> = (0..takes.len())
            .map(|at| format_ident!("__sb_{at}"))
            .collect();
        let call = self.function(&quote!(#(#arguments),*));
        let span = self.function_span();
        let result = quote_spanned!(span=> __sb::#with::<#new, _>(#call));
        matched(&quote!((#(#types,)*)), &quote!((#(#arguments,)*)), &result)
    }

    fn untracked(&self, with: &TokenStream, new: &TokenStream) -> TokenStream {
        let call = self.function(&quote!(__sb_old.0));
        matched(
            &quote!(__sb::Untracked<_>),
            &quote!(__sb_old),
            &quote!(__sb::#with::<#new, _>(#call)),
        )
    }

    /// The function of a step on a variant: it takes the content, and gives a value of today's type.
    pub(super) fn run_on_content(&self) -> TokenStream {
        let content = &self.typed.takes[0];
        let new = quote!(Self);
        match content.ty.as_str() {
            "()" => {
                let call = self.function(&TokenStream::new());
                let result = quote!(__sb::converted::<#new, _>(#call));
                matched(&quote!(((),)), &quote!(_), &result)
            }
            text if text.starts_with('{') || !is_tracked_tuple(text) => {
                self.untracked(&quote!(converted), &new)
            }
            _ => self.call(&quote!(converted), &new),
        }
    }

    fn function(&self, arguments: &TokenStream) -> TokenStream {
        let function = &self.options.function;
        let span = self.function_span();
        quote_spanned!(span=> #function(#arguments))
    }

    /// Where the function is named: what is wrong with it is shown there.
    fn function_span(&self) -> Span {
        self.options
            .function
            .as_ref()
            .map_or(self.options.span, span_of)
    }

    fn new_tuple(&self) -> TokenStream {
        let types = self.typed.gives.iter().map(|part| self.new_type(part));
        quote!((#(#types,)*))
    }

    /// The type of a part after the step: the struct's own tokens where the step leads to today.
    fn new_type(&self, part: &Part) -> TokenStream {
        let is_current = self.link.from + 1 == self.subject.options.current();
        let tokens = self
            .subject
            .parts
            .iter()
            .find(|tokens| tokens.name == part.name)
            .and_then(|tokens| tokens.ty.as_ref());
        match tokens.filter(|_| is_current) {
            Some(ty) => quote!(#ty),
            None => self.old_type(part),
        }
    }

    fn old_type(&self, part: &Part) -> TokenStream {
        past::ty(
            self.subject,
            &part.ty,
            Span::call_site().located_at(self.options.span),
        )
    }
}

/// A closure that decodes the arguments and gives the result: one closure, since each costs the compiler as much as a function.
fn matched(arguments: &TokenStream, pattern: &TokenStream, result: &TokenStream) -> TokenStream {
    quote! {
        |__sb_call| match __sb::arguments::<#arguments>(__sb_call) {
            __sb::Ok(#pattern) => #result,
            __sb::Err(__sb_cause) => __sb::Err(__sb_cause),
        }
    }
}

/// Tuples of up to three parts have a shape.
fn is_tracked_tuple(text: &str) -> bool {
    match Type::parse(text) {
        Type::Tuple(parts) => parts.len() <= 3,
        Type::Other(_) => false,
        Type::Path { .. } | Type::Array(..) => true,
    }
}
