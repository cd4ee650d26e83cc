//! Random chains of steps between random shapes: the derive takes them as they are, and refuses every single change.

use proc_macro2::TokenStream;
use proptest::prelude::*;
use smarterbase_schema::{Kind, Shape, Step};

use super::{
    document,
    history::{lock, shape, with_lock},
};

/// What happens to a field on its way to the next version.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stays,
    Renamed,
    Removed,
    Converted,
    Widened,
    Split,
}

const TYPES: &[&str] = &["String", "u8", "bool", "Vec<String>", "Option<u8>"];

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Stays),
        Just(Fate::Renamed),
        Just(Fate::Removed),
        Just(Fate::Converted),
        Just(Fate::Widened),
        Just(Fate::Split),
    ]
}

/// A field of a version: its name and type.
type Field = (String, String);

/// One version: its fields, and the steps that lead to it, as data and as text.
#[derive(Clone, Debug)]
struct Version {
    fields: Vec<Field>,
    steps: Vec<Step>,
    texts: Vec<String>,
}

impl Version {
    fn shape(&self) -> Shape {
        let mut parts = vec![("id", "String")];
        parts.extend(
            self.fields
                .iter()
                .map(|(name, ty)| (name.as_str(), ty.as_str())),
        );
        shape(Some("id"), &parts)
    }

    fn push(&mut self, step: Step, text: String) {
        self.steps.push(step);
        self.texts.push(text);
    }
}

/// The version that follows, when the fields meet these fates and some are added.
fn next(before: &[Field], fates: &[Fate], added: usize, number: usize) -> Version {
    let mut after = Version {
        fields: Vec::new(),
        steps: Vec::new(),
        texts: Vec::new(),
    };
    for (position, (name, ty)) in before.iter().enumerate() {
        let fresh = format!("f{number}_{position}");
        let (one, two) = (format!("{fresh}_a"), format!("{fresh}_b"));
        match fates.get(position).copied().unwrap_or(Fate::Stays) {
            Fate::Renamed => {
                after.fields.push((fresh.clone(), ty.clone()));
                let text = format!("rename({name} => {fresh})");
                after.push(Step::Rename(name.clone(), fresh), text);
            }
            Fate::Removed => after.push(Step::Remove(name.clone()), format!("remove({name})")),
            Fate::Converted => {
                let ty = if ty == "bool" { "char" } else { "bool" };
                after.fields.push((name.clone(), ty.to_owned()));
                after.push(
                    Step::Convert(name.clone()),
                    format!("convert({name}, with = f)"),
                );
            }
            Fate::Widened if !ty.starts_with("Option") => {
                after.fields.push((name.clone(), format!("Option<{ty}>")));
                after.push(Step::Widen(name.clone()), format!("widen({name})"));
            }
            Fate::Split => {
                let step = Step::Split(name.clone(), vec![one.clone(), two.clone()]);
                let text = format!("split({name} => ({one}, {two}), with = f)");
                after
                    .fields
                    .extend([(one, "u8".to_owned()), (two, "String".to_owned())]);
                after.push(step, text);
            }
            Fate::Stays | Fate::Widened => after.fields.push((name.clone(), ty.clone())),
        }
    }
    for position in 0..added {
        let name = format!("n{number}_{position}");
        after
            .fields
            .push((name.clone(), TYPES[position % TYPES.len()].to_owned()));
        let text = format!("add({name} = value())");
        after.push(Step::Add(name), text);
    }
    after
}

prop_compose! {
    fn chains()(
        first in prop::collection::vec(0..TYPES.len(), 1..6),
        links in prop::collection::vec((prop::collection::vec(fates(), 0..8), 0_usize..3), 1..4),
    ) -> Vec<Version> {
        let fields = first.iter().enumerate().map(|(at, ty)| (format!("f{at}"), TYPES[*ty].to_owned())).collect();
        let mut versions = vec![Version { fields, steps: Vec::new(), texts: Vec::new() }];
        for (number, (fates, added)) in links.iter().enumerate() {
            let before = versions[number].fields.clone();
            versions.push(next(&before, fates, *added, number));
        }
        versions
    }
}

/// The struct of the last version, with these migrations.
fn program(versions: &[Version], texts: &[Vec<String>]) -> TokenStream {
    let migrations: String = (1..versions.len())
        .map(|number| {
            let steps: String = texts[number]
                .iter()
                .map(|step| format!(", {step}"))
                .collect();
            format!("migrate({number} => {}{steps}),", number + 1)
        })
        .collect();
    let last = versions.last().expect("a version");
    let fields: String = last
        .fields
        .iter()
        .map(|(name, ty)| format!("{name}: {ty},"))
        .collect();
    let text = format!(
        "#[document(name = \"chain\", schema_dir = \"schema\", version = {}, {migrations})] \
         struct Chain {{ #[key] id: String, {fields} }}",
        versions.len()
    );
    text.parse().expect("tokens")
}

/// How many errors the derive reports when the first `sealed` versions are in the lock.
fn errors(versions: &[Version], sealed: usize, input: TokenStream) -> usize {
    let history: Vec<_> = versions[..sealed]
        .iter()
        .map(|version| (version.shape(), version.steps.clone()))
        .collect();
    let lock = lock(Kind::Document, "chain", &history);
    with_lock(&lock, document, input)
        .matches("compile_error")
        .count()
}

fn texts(versions: &[Version]) -> Vec<Vec<String>> {
    versions
        .iter()
        .map(|version| version.texts.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_chain_is_taken_sealed_and_as_a_draft(versions in chains()) {
        let input = program(&versions, &texts(&versions));
        prop_assert_eq!(errors(&versions, versions.len(), input.clone()), 0);
        prop_assert_eq!(errors(&versions, versions.len() - 1, input), 0);
    }

    #[test]
    fn a_chain_without_one_of_its_steps_is_one_error(versions in chains(), at in any::<prop::sample::Index>()) {
        let mut texts = texts(&versions);
        let places: Vec<(usize, usize)> = texts.iter().enumerate()
            .flat_map(|(number, steps)| (0..steps.len()).map(move |step| (number, step)))
            .collect();
        prop_assume!(!places.is_empty());
        let (number, step) = *at.get(&places);
        texts[number].remove(step);
        let input = program(&versions, &texts);
        prop_assert_eq!(errors(&versions, versions.len(), input.clone()), 1);
        prop_assert_eq!(errors(&versions, versions.len() - 1, input), 1);
    }

    #[test]
    fn a_struct_that_is_not_what_was_sealed_is_one_error(mut versions in chains(), fate in 0..3) {
        let sealed = versions.clone();
        let last = versions.last_mut().expect("a version");
        match fate {
            0 => last.fields.push(("more".to_owned(), "u8".to_owned())),
            1 if !last.fields.is_empty() => { last.fields.pop(); }
            _ => match last.fields.first_mut() {
                Some(field) => field.1 = "f64".to_owned(),
                None => last.fields.push(("more".to_owned(), "u8".to_owned())),
            },
        }
        let input = program(&versions, &texts(&versions));
        prop_assert_eq!(errors(&sealed, sealed.len(), input), 1);
    }

    #[test]
    fn a_sealed_step_of_another_kind_is_an_error(versions in chains()) {
        // Removing and adding again leads to the same shape, but documents would differ.
        let mut texts = texts(&versions);
        let found = (1..versions.len()).find_map(|number| {
            let step = texts[number].iter().position(|text| text.starts_with("convert"))?;
            Some((number, step))
        });
        prop_assume!(found.is_some());
        let (number, step) = found.expect("there is one");
        let name = texts[number][step].trim_start_matches("convert(").split(',').next().expect("a name").to_owned();
        texts[number][step] = format!("remove({name}), add({name} = value())");
        let input = program(&versions, &texts);
        prop_assert_eq!(errors(&versions, versions.len(), input), 1);
    }
}
