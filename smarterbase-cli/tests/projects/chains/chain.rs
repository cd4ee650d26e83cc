//! A random chain: versions of a document, of embedded types in it, and the steps between them.

use super::{chance::Chance, enumeration::Enumeration};

/// A stored name and a Rust type.
pub(crate) type Field = (String, String);

/// A document, and a struct and an enum that stand in it twice.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) document: Subject,
    pub(crate) embedded: Subject,
    pub(crate) kind: Enumeration,
}

/// The fields of a document that no step touches: the key, and those of embedded types.
pub(crate) const FIXED: &[&str] = &["id", "part", "parts", "kind", "kinds"];

/// A type with a history.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) is_document: bool,
    /// `Chain12` or `Part12`.
    pub(crate) name: String,
    /// From version 1 on.
    pub(crate) versions: Vec<Version>,
}

/// One version, and the steps that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) fields: Vec<Field>,
    pub(crate) steps: Vec<Op>,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Rename(String, String),
    /// Without a value where the type is optional and the flag says so.
    Add(Field, bool),
    Remove(String),
    Convert(Field, String),
    Split(Field, String, String),
    Merge(Field, Field, String),
    Widen(String),
    /// The fields that stay, and those that are made: each of a number that an old field gives.
    Custom(Vec<String>, Vec<(Field, Field)>),
}

/// The types of fields. Steps turn one into the other by way of a number.
pub(crate) const TYPES: &[&str] = &[
    "String",
    "u32",
    "u64",
    "bool",
    "Vec<String>",
    "Option<u32>",
    "Option<String>",
    "Option<Vec<String>>",
];

impl Chain {
    pub(crate) fn random(number: usize, chance: &mut Chance) -> Self {
        let part = format!("Part{number}");
        let embedded = Subject::random(false, part.clone(), Vec::new(), chance);
        let kind = Enumeration::random(format!("Kind{number}"), chance);
        let types = [
            "String".to_owned(),
            part.clone(),
            format!("Vec<{part}>"),
            kind.name.clone(),
            format!("Vec<{}>", kind.name),
        ];
        let names = FIXED.iter().map(|name| (*name).to_owned());
        let own = names.zip(types).collect();
        let document = Subject::random(true, format!("Chain{number}"), own, chance);
        Self {
            document,
            embedded,
            kind,
        }
    }
}

impl Subject {
    /// A history of up to four versions. No step touches the fields in `fixed`.
    fn random(is_document: bool, name: String, fixed: Vec<Field>, chance: &mut Chance) -> Self {
        let count = 1 + chance.below(5);
        let own = (0..count).map(|at| (format!("f{at}"), (*chance.of(TYPES)).to_owned()));
        let fields: Vec<Field> = fixed.iter().cloned().chain(own).collect();
        let mut versions = vec![Version {
            fields,
            steps: Vec::new(),
        }];
        for link in 1..=chance.below(4) {
            let before = &versions[link - 1].fields;
            let next = if chance.once_in(5) {
                custom(before, fixed.len(), link, chance)
            } else {
                steps(before, fixed.len(), link, chance)
            };
            versions.push(next);
        }
        Self {
            is_document,
            name,
            versions,
        }
    }
}

fn steps(before: &[Field], fixed: usize, link: usize, chance: &mut Chance) -> Version {
    let mut next = Version {
        fields: before[..fixed].to_vec(),
        steps: Vec::new(),
    };
    let mut rest: Vec<Field> = before[fixed..].to_vec();
    while let Some(field) = rest.pop() {
        let fresh = |letter: &str| format!("{letter}{link}_{}", rest.len());
        let (name, ty) = field.clone();
        match chance.below(10) {
            0 => next.take(Op::Rename(name, fresh("r")), &[(fresh("r"), ty)]),
            1 => next.take(Op::Remove(name), &[]),
            2 => {
                let to = other_type(&ty, chance);
                next.take(Op::Convert(field, to.clone()), &[(name, to)]);
            }
            3 => next.take(
                Op::Split(field, fresh("s"), fresh("t")),
                &[
                    (fresh("s"), "u32".to_owned()),
                    (fresh("t"), "String".to_owned()),
                ],
            ),
            4 if !rest.is_empty() => {
                let name = fresh("m");
                let other = rest.pop().unwrap();
                next.take(
                    Op::Merge(field, other, name.clone()),
                    &[(name, "u32".to_owned())],
                );
            }
            5 => match wider(&ty) {
                Some(wide) => next.take(Op::Widen(name.clone()), &[(name, wide)]),
                None => next.fields.push(field),
            },
            // Both in one migration, one way or the other.
            6 => {
                let to = other_type(&ty, chance);
                next.steps.push(Op::Rename(name, fresh("q")));
                next.take(
                    Op::Convert((fresh("q"), ty), to.clone()),
                    &[(fresh("q"), to)],
                );
            }
            7 => {
                let to = other_type(&ty, chance);
                next.steps.push(Op::Convert(field, to.clone()));
                next.take(Op::Rename(name, fresh("p")), &[(fresh("p"), to)]);
            }
            _ => next.fields.push(field),
        }
    }
    for position in 0..chance.below(3) {
        let ty = (*chance.of(TYPES)).to_owned();
        let field = (format!("n{link}_{position}"), ty);
        let is_bare = field.1.starts_with("Option") && chance.once_in(2);
        next.take(Op::Add(field.clone(), is_bare), &[field]);
    }
    next
}

impl Version {
    fn take(&mut self, step: Op, gives: &[Field]) {
        self.steps.push(step);
        self.fields.extend_from_slice(gives);
    }
}

/// Some fields stay, some go, and some are made of old ones.
fn custom(before: &[Field], fixed: usize, link: usize, chance: &mut Chance) -> Version {
    let own = &before[fixed..];
    let mut fields = before[..fixed].to_vec();
    fields.extend(own.iter().filter(|_| chance.once_in(2)).cloned());
    let keeps = fields.iter().map(|(name, _)| name.clone()).collect();
    let mut made = Vec::new();
    for position in 0..chance.below(3).min(own.len()) {
        let ty = (*chance.of(TYPES)).to_owned();
        made.push(((format!("c{link}_{position}"), ty), chance.of(own).clone()));
    }
    fields.extend(made.iter().map(|(new, _)| new.clone()));
    Version {
        fields,
        steps: vec![Op::Custom(keeps, made)],
    }
}

fn other_type(ty: &str, chance: &mut Chance) -> String {
    loop {
        let other = *chance.of(TYPES);
        if other != ty {
            return other.to_owned();
        }
    }
}

fn wider(ty: &str) -> Option<String> {
    match ty {
        "u32" => Some("u64".to_owned()),
        "Option<u32>" => Some("Option<u64>".to_owned()),
        ty if ty.starts_with("Option") => None,
        ty => Some(format!("Option<{ty}>")),
    }
}
