//! The history of a type, as data: its steps with one-line calls to the user's functions, the check of its lock, and the
//! structs of the past that `custom` functions take and return.

mod past;
mod typed;

pub(super) use past::structs as past_structs;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use smarterbase_schema::{Form, Part, Representation, Step, replay::Typed};
use syn::Path;

use crate::{
    attr::{HistoryOptions, StepOptions},
    history::{self, History, PartTokens, SealedLink},
    model::{DocumentModel, EmbeddedModel, span_of},
};

/// Whose history it is.
pub(super) struct Subject<'a> {
    ident: &'a Ident,
    crate_path: &'a Path,
    options: &'a HistoryOptions,
    history: &'a History,
    parts: Vec<PartTokens>,
}

impl<'a> Subject<'a> {
    pub(super) fn of_document(model: &'a DocumentModel) -> Self {
        Self {
            ident: &model.ident,
            crate_path: &model.crate_path,
            options: &model.options,
            history: &model.history,
            parts: history::parts(model),
        }
    }

    pub(super) fn of_embedded(model: &'a EmbeddedModel) -> Self {
        Self {
            ident: &model.ident,
            crate_path: &model.crate_path,
            options: &model.options,
            history: &model.history,
            parts: history::of_embedded(model).map_or_else(Vec::new, |(_, parts)| parts),
        }
    }
}

/// The bytes of the lock, held to what was read of it.
pub(super) fn lock(history: &History) -> Option<TokenStream> {
    let (include, seal) = history.lock.as_ref()?;
    Some(quote!(__sb::hold_lock(__sb::include_bytes!(#include), #seal)))
}

/// What refuses the draft where drafts are denied, as arguments of the function that does.
pub(super) fn draft(history: &History) -> Option<TokenStream> {
    let message = history.draft.as_ref()?;
    Some(quote! {
        __sb::option_env!("SMARTERBASE_DRAFTS"), __sb::option_env!("SMARTERBASE_SEAL_OUT"), #message
    })
}

/// What holds the types that only the compiler can compare.
pub(super) fn tracking(history: &History) -> TokenStream {
    let same = history.same.iter().map(|same| {
        let (ty, text, message) = (&same.ty, &same.text, &same.message);
        let span = span_of(ty);
        quote_spanned! {span=>
            const _: () = __sb::assert!(__sb::is_stored_as(<#ty as __sb::FieldType>::SHAPE, #text), #message);
        }
    });
    same.collect()
}

/// The migrations, as the elements of a list.
pub(super) fn steps(subject: &Subject<'_>) -> TokenStream {
    subject
        .history
        .links
        .iter()
        .filter_map(|link| {
            let options = subject
                .options
                .migrations
                .iter()
                .find(|migration| migration.from.value == link.from)?;
            let from = link.from;
            let mut represented = false;
            let steps = link.link.steps.iter().zip(&options.steps);
            let steps = steps.filter_map(|(typed, options)| {
                represented |= typed.step == Step::Rekind(None);
                let representation = if represented {
                    &link.after
                } else {
                    &link.before
                };
                StepContext {
                    subject,
                    link,
                    typed,
                    options,
                    representation: &representation.representation,
                }
                .expand()
            });
            let steps: TokenStream = steps.collect();
            Some(quote!(__sb::Migration { from: #from, steps: &[#steps] },))
        })
        .collect()
}

/// One step, with everything that its expansion needs.
struct StepContext<'a> {
    subject: &'a Subject<'a>,
    link: &'a SealedLink,
    typed: &'a Typed,
    options: &'a StepOptions,
    /// How variants are written when the step runs.
    representation: &'a Representation,
}

impl StepContext<'_> {
    /// The step as data; `None` for one that only is a promise to the compiler.
    fn expand(&self) -> Option<TokenStream> {
        let is_enum = self.link.before.form == Form::Enum;
        let step = match &self.typed.step {
            Step::Rename(from, to) => quote!(Rename(#from, #to)),
            Step::Remove(name) => quote!(Remove(#name)),
            Step::RenameVariant(from, to) => {
                let representation = representation(self.representation);
                quote!(RenameVariant(#representation, #from, #to))
            }
            Step::Convert(name) if is_enum => self.replace(name),
            Step::RemoveVariant(name) => self.replace(name),
            Step::Rekind(None) => {
                let from = representation(&self.link.before.representation);
                let to = representation(&self.link.after.representation);
                quote!(Represent(#from, #to))
            }
            Step::Add(_)
            | Step::Convert(_)
            | Step::Split(..)
            | Step::Merge(..)
            | Step::Custom(_) => self.change(),
            Step::Widen(_) | Step::Rekind(Some(_)) | Step::AddVariant(_) => return None,
        };
        Some(quote!(__sb::MigrationStep::#step,))
    }

    fn change(&self) -> TokenStream {
        let step = self.text();
        let takes = some_names(&self.typed.takes_by_name());
        let gives = some_names(&self.typed.gives_by_name());
        let run = self.run();
        quote! {
            Change(__sb::Change { step: #step, takes: #takes, gives: #gives, run: #run })
        }
    }

    fn replace(&self, variant: &str) -> TokenStream {
        let step = self.text();
        let representation = representation(self.representation);
        let run = self.run_on_content();
        quote! {
            ReplaceVariant(__sb::VariantChange {
                step: #step,
                representation: #representation,
                variant: #variant,
                run: #run,
            })
        }
    }

    /// The step as it was written, for errors at run time.
    fn text(&self) -> String {
        let word = self.typed.step.word();
        let mut names = self.typed.takes_by_name();
        if names.is_empty() {
            names = self.typed.gives_by_name();
        }
        if matches!(self.typed.step, Step::Custom(_)) {
            return word.to_owned();
        }
        format!("{word}({})", names.join(", "))
    }
}

fn some_names(names: &[&str]) -> TokenStream {
    match names {
        [name] => quote!(__sb::Names::One(#name)),
        names => quote!(__sb::Names::Several(&[#(#names),*])),
    }
}

fn names(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.name.as_str()).collect()
}

fn representation(representation: &Representation) -> TokenStream {
    match (&representation.tag, &representation.content) {
        _ if representation.untagged => quote!(__sb::Representation::Untagged),
        (Some(tag), Some(content)) => quote!(__sb::Representation::Adjacent(#tag, #content)),
        (Some(tag), None) => quote!(__sb::Representation::Tagged(#tag)),
        _ => quote!(__sb::Representation::Named),
    }
}
