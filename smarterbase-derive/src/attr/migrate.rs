//! `migrate(1 => 2, rename(a => b), convert(c, with = path), ..)`.

use proc_macro2::Span;
use smarterbase_schema::Step;
use syn::{
    Expr, LitInt, LitStr, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

use super::{
    Spanned,
    item::{Item, Value},
};
use crate::{errors::Errors, names};

/// One migration.
pub(crate) struct MigrateOptions {
    /// The word `migrate`.
    pub(crate) span: Span,
    pub(crate) from: Spanned<u32>,
    pub(crate) to: Spanned<u32>,
    pub(crate) steps: Vec<StepOptions>,
}

/// One step, with what only the compiler understands.
pub(crate) struct StepOptions {
    /// The word, `rename`.
    pub(crate) span: Span,
    pub(crate) step: Step,
    /// Every name in the step, where it stands.
    pub(crate) names: Vec<Spanned<String>>,
    /// The value of `add(field = value)`.
    pub(crate) value: Option<Expr>,
    /// The function of `with = path` and of `custom(path)`.
    pub(crate) function: Option<Path>,
}

/// Every word that a migration takes.
const WORDS: &[&str] = &[
    "rename",
    "add",
    "remove",
    "convert",
    "split",
    "merge",
    "widen",
    "rekind",
    "custom",
    "add_variant",
    "rename_variant",
    "remove_variant",
];

impl MigrateOptions {
    /// Reads the migration. A step that cannot be read is reported, and the whole migration left out.
    pub(crate) fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let span = item.span();
        let Value::List(tokens) = item.value else {
            errors.push(
                span,
                "`migrate` takes two versions and steps: write `migrate(1 => 2, ..)`",
            );
            return None;
        };
        match (|input: ParseStream<'_>| parse(input, span)).parse2(tokens) {
            Ok(options) => Some(options),
            Err(error) => {
                errors.absorb(error);
                None
            }
        }
    }

    /// Where a name of a step stands; the word of the step when it is not there.
    pub(crate) fn place(&self, step: usize, name: &str) -> Span {
        let step = &self.steps[step];
        step.names
            .iter()
            .rfind(|known| known.value == name)
            .map_or(step.span, |known| known.span)
    }
}

fn parse(input: ParseStream<'_>, span: Span) -> syn::Result<MigrateOptions> {
    let from = number(input)?;
    input.parse::<Token![=>]>()?;
    let to = number(input)?;
    let mut steps = Vec::new();
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if !input.is_empty() {
            steps.push(input.parse()?);
        }
    }
    if to.value != from.value + 1 {
        return Err(syn::Error::new(
            to.span,
            format!(
                "a migration leads to the next version\n  help: write `migrate({} => {}, ..)`",
                from.value,
                from.value + 1
            ),
        ));
    }
    Ok(MigrateOptions {
        span,
        from,
        to,
        steps,
    })
}

fn number(input: ParseStream<'_>) -> syn::Result<Spanned<u32>> {
    let literal: LitInt = input.parse()?;
    Ok(Spanned {
        value: literal.base10_parse()?,
        span: literal.span(),
    })
}

impl Parse for StepOptions {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let word = syn::Ident::parse_any(input)?;
        let name = names::plain(&word);
        if !WORDS.contains(&name.as_str()) {
            let hint = names::nearest(&name, WORDS)
                .map(|near| format!("\n  help: did you mean `{near}`?"))
                .unwrap_or_default();
            let text = format!(
                "there is no step `{name}`{hint}\n  help: the steps are {}",
                WORDS.join(", ")
            );
            return Err(syn::Error::new(word.span(), text));
        }
        if name == "rekind" && !input.peek(syn::token::Paren) {
            return Ok(Self::new(word.span(), Step::Rekind(None), Vec::new()));
        }
        let content;
        syn::parenthesized!(content in input);
        let step = Arguments { input: &content }.step(&name, word.span())?;
        if content.is_empty() {
            return Ok(step);
        }
        Err(content.error(format!("`{name}` takes nothing more")))
    }
}

impl StepOptions {
    fn new(span: Span, step: Step, names: Vec<Spanned<String>>) -> Self {
        Self {
            span,
            step,
            names,
            value: None,
            function: None,
        }
    }
}

/// What stands in the parentheses of a step.
struct Arguments<'a> {
    input: ParseStream<'a>,
}

impl Arguments<'_> {
    fn step(&self, word: &str, span: Span) -> syn::Result<StepOptions> {
        match word {
            "rename" => self.two(span, Step::Rename),
            "rename_variant" => self.two(span, Step::RenameVariant),
            "add" => self.add(span),
            "remove" => self.one(span, Step::Remove),
            "widen" => self.one(span, Step::Widen),
            "rekind" => self.one(span, |name| Step::Rekind(Some(name))),
            "add_variant" => self.one(span, Step::AddVariant),
            "convert" => self.function_after(self.one(span, Step::Convert)?, word),
            "remove_variant" => self.function_after(self.one(span, Step::RemoveVariant)?, word),
            "split" => self.function_after(self.split(span)?, word),
            "merge" => self.function_after(self.merge(span)?, word),
            _ => self.custom(span),
        }
    }

    fn one(&self, span: Span, step: fn(String) -> Step) -> syn::Result<StepOptions> {
        let name = self.name()?;
        Ok(StepOptions::new(span, step(name.value.clone()), vec![name]))
    }

    fn two(&self, span: Span, step: fn(String, String) -> Step) -> syn::Result<StepOptions> {
        let from = self.name()?;
        self.input.parse::<Token![=>]>()?;
        let to = self.name()?;
        let step = step(from.value.clone(), to.value.clone());
        Ok(StepOptions::new(span, step, vec![from, to]))
    }

    fn add(&self, span: Span) -> syn::Result<StepOptions> {
        let mut step = self.one(span, Step::Add)?;
        if self.input.peek(Token![=]) {
            self.input.parse::<Token![=]>()?;
            step.value = Some(self.input.parse()?);
        }
        Ok(step)
    }

    fn split(&self, span: Span) -> syn::Result<StepOptions> {
        let from = self.name()?;
        self.input.parse::<Token![=>]>()?;
        let to = self.several()?;
        let step = Step::Split(from.value.clone(), texts(&to));
        Ok(StepOptions::new(
            span,
            step,
            std::iter::once(from).chain(to).collect(),
        ))
    }

    fn merge(&self, span: Span) -> syn::Result<StepOptions> {
        let from = self.several()?;
        self.input.parse::<Token![=>]>()?;
        let to = self.name()?;
        let step = Step::Merge(texts(&from), to.value.clone());
        Ok(StepOptions::new(
            span,
            step,
            from.into_iter().chain([to]).collect(),
        ))
    }

    fn custom(&self, span: Span) -> syn::Result<StepOptions> {
        let function = self.input.parse()?;
        let mut keeps = Vec::new();
        if self.input.parse::<Option<Token![,]>>()?.is_some() && !self.input.is_empty() {
            let word = syn::Ident::parse_any(self.input)?;
            if word != "keeps" {
                let text = "`custom` takes a function and `keeps(..)`";
                return Err(syn::Error::new(word.span(), text));
            }
            let content;
            syn::parenthesized!(content in self.input);
            keeps.extend(Punctuated::<_, Token![,]>::parse_terminated_with(
                &content, name,
            )?);
        }
        let mut step = StepOptions::new(span, Step::Custom(texts(&keeps)), keeps);
        step.function = Some(function);
        Ok(step)
    }

    /// `, with = path`.
    fn function_after(&self, mut step: StepOptions, word: &str) -> syn::Result<StepOptions> {
        let missing = || {
            syn::Error::new(
                step.span,
                format!("`{word}` needs a function\n  help: add `, with = some_fn`"),
            )
        };
        self.input.parse::<Token![,]>().map_err(|_| missing())?;
        let with = syn::Ident::parse_any(self.input).map_err(|_| missing())?;
        if with != "with" {
            return Err(missing());
        }
        self.input.parse::<Token![=]>()?;
        step.function = Some(self.input.parse()?);
        self.input.parse::<Option<Token![,]>>()?;
        Ok(step)
    }

    /// `(a, b)`.
    fn several(&self) -> syn::Result<Vec<Spanned<String>>> {
        let content;
        let parenthesis = syn::parenthesized!(content in self.input);
        let names: Vec<_> =
            Punctuated::<Spanned<String>, Token![,]>::parse_terminated_with(&content, name)?
                .into_iter()
                .collect();
        if (2..=6).contains(&names.len()) {
            return Ok(names);
        }
        Err(syn::Error::new(
            parenthesis.span.join(),
            "two to six fields stand here",
        ))
    }

    fn name(&self) -> syn::Result<Spanned<String>> {
        name(self.input)
    }
}

/// A stored name: an identifier, a text, or the position in a tuple.
fn name(input: ParseStream<'_>) -> syn::Result<Spanned<String>> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return Ok(Spanned {
            value: text.value(),
            span: text.span(),
        });
    }
    if input.peek(LitInt) {
        let position: LitInt = input.parse()?;
        return Ok(Spanned {
            value: position.base10_digits().to_owned(),
            span: position.span(),
        });
    }
    let ident = syn::Ident::parse_any(input)?;
    Ok(Spanned {
        value: names::plain(&ident),
        span: ident.span(),
    })
}

fn texts(names: &[Spanned<String>]) -> Vec<String> {
    names.iter().map(|name| name.value.clone()).collect()
}
