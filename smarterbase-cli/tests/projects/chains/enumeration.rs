//! A random enum: versions of its variants and of how they are written, and the steps between them.

use super::chance::Chance;

/// An enum with a history.
#[derive(Clone, Debug)]
pub(crate) struct Enumeration {
    /// `Kind12`.
    pub(crate) name: String,
    /// From version 1 on.
    pub(crate) versions: Vec<Version>,
}

/// One version, and the steps that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) variants: Vec<Variant>,
    pub(crate) written: Written,
    pub(crate) steps: Vec<Op>,
}

/// A name, and what stands in it.
pub(crate) type Variant = (String, Content);

/// What stands in a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Unit,
    One(&'static str),
    Two(&'static str, &'static str),
    /// `{ n: u32 }`.
    Named,
}

/// How serde writes the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    ByName,
    /// `tag = "t"`.
    Tagged,
    /// `tag = "t", content = "c"`.
    Adjacent,
}

/// One step. The functions of the last two give values of the last version.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Add(String),
    Rename(String, String),
    Rekind,
    Remove(Variant),
    Convert(Variant),
}

/// The types in variants.
const TYPES: &[&str] = &["String", "u32", "bool", "Vec<String>", "Option<u32>"];

impl Enumeration {
    /// A history of up to four versions.
    pub(crate) fn random(name: String, chance: &mut Chance) -> Self {
        // Only variants that are objects can hold their tag.
        let is_tagged = chance.once_in(3);
        let variants = (0..1 + chance.below(4))
            .map(|at| (format!("V{at}"), content(is_tagged, chance)))
            .collect();
        let mut versions = vec![Version {
            variants,
            written: written(is_tagged, chance),
            steps: Vec::new(),
        }];
        for link in 1..=chance.below(4) {
            let next = next(&versions[link - 1], link, is_tagged, chance);
            versions.push(next);
        }
        Self { name, versions }
    }

    pub(crate) fn last(&self) -> &Version {
        self.versions.last().unwrap()
    }
}

fn content(is_tagged: bool, chance: &mut Chance) -> Content {
    match chance.below(if is_tagged { 2 } else { 4 }) {
        0 => Content::Unit,
        1 => Content::Named,
        2 => Content::One(ty(chance)),
        _ => Content::Two(ty(chance), ty(chance)),
    }
}

fn ty(chance: &mut Chance) -> &'static str {
    let ty: &&str = chance.of(TYPES);
    ty
}

fn written(is_tagged: bool, chance: &mut Chance) -> Written {
    match chance.below(if is_tagged { 3 } else { 2 }) {
        0 => Written::ByName,
        1 => Written::Adjacent,
        _ => Written::Tagged,
    }
}

fn next(before: &Version, link: usize, is_tagged: bool, chance: &mut Chance) -> Version {
    let mut next = Version {
        variants: Vec::new(),
        written: written(is_tagged, chance),
        steps: Vec::new(),
    };
    let is_rekinded = next.written != before.written;
    let is_first = chance.once_in(2);
    if is_rekinded && is_first {
        next.steps.push(Op::Rekind);
    }
    for (position, variant) in before.variants.iter().enumerate() {
        let (name, content) = variant.clone();
        match chance.below(6) {
            0 => {
                let fresh = format!("R{link}x{position}");
                next.steps.push(Op::Rename(name, fresh.clone()));
                next.variants.push((fresh, content));
            }
            // One variant at least is left.
            1 if position > 0 => next.steps.push(Op::Remove(variant.clone())),
            2 => {
                next.steps.push(Op::Convert(variant.clone()));
                next.variants
                    .push((name, other(&content, is_tagged, chance)));
            }
            _ => next.variants.push((name, content)),
        }
    }
    for position in 0..chance.below(3) {
        let name = format!("N{link}x{position}");
        next.steps.push(Op::Add(name.clone()));
        next.variants.push((name, content(is_tagged, chance)));
    }
    if is_rekinded && !is_first {
        next.steps.push(Op::Rekind);
    }
    next
}

fn other(than: &Content, is_tagged: bool, chance: &mut Chance) -> Content {
    loop {
        let other = content(is_tagged, chance);
        if other != *than {
            return other;
        }
    }
}
