//! Replays the steps of one migration: from the shape before, towards the shape after.

mod gap;
mod origin;

pub use gap::retyped;

use crate::{
    digest::Digest,
    shape::{Form, Part, Shape},
    step::Step,
};

/// A step with the types of what it takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The step.
    pub step: Step,
    /// What it takes, with the types of the shape before.
    pub takes: Vec<Part>,
    /// What it gives, with the types of the shape after.
    pub gives: Vec<Part>,
}

/// Steps that lead from one version to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The steps, in their order.
    pub steps: Vec<Typed>,
    /// Fields whose types have other names before and after, although no step changes them. They may still be stored alike
    /// (an alias, a renamed type, a newtype): only the compiler knows. Pairs of the part before and the part after.
    pub undecided: Vec<(Part, Part)>,
}

/// A mistake, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What it is and what to write.
    pub message: String,
}

/// Where a mistake stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this name in the step with this position.
    Step(usize, String),
    /// At the migration itself.
    Migration,
    /// At the part of the shape after, when it is what the user is writing.
    Part(String),
}

/// The two versions of a migration: `1 => 2`.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// The number of the version before.
    pub from: u32,
    /// The shape before.
    pub before: &'a Shape,
    /// The shape after.
    pub after: &'a Shape,
}

/// Replays `steps`.
///
/// # Errors
/// Every mistake in the steps; when the steps themselves are right, the gap between what they lead to and the shape after.
pub fn replay(between: Between<'_>, steps: &[Step]) -> Result<Link, Vec<Problem>> {
    if let [Step::Custom(keeps)] = steps {
        return custom(between, keeps);
    }
    let mut state = State::new(between);
    for (position, step) in steps.iter().enumerate() {
        state.run(position, step);
    }
    if !state.problems.is_empty() {
        return Err(state.problems);
    }
    gap::close(between, state)
}

fn custom(between: Between<'_>, keeps: &[String]) -> Result<Link, Vec<Problem>> {
    let problems: Vec<Problem> = keeps
        .iter()
        .filter_map(|name| not_kept(between, name))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    // The key of a document never changes.
    let mut keeps = keeps.to_vec();
    keeps.extend(between.after.key.clone());
    keeps.sort();
    keeps.dedup();
    Ok(Link {
        steps: vec![Typed {
            step: Step::Custom(keeps),
            takes: between.before.parts.clone(),
            gives: between.after.parts.clone(),
        }],
        undecided: Vec::new(),
    })
}

/// What is kept is there before and after, with one type.
fn not_kept(between: Between<'_>, name: &str) -> Option<Problem> {
    let (before, after) = (between.before.part(name), between.after.part(name));
    let message = match (before, after) {
        (Some(before), Some(after)) if before.canonical() == after.canonical() => return None,
        (Some(_), Some(_)) => format!("`{name}` has another type afterwards, so it cannot be kept"),
        (None, _) => format!(
            "version {} has no field `{name}`; it has: {}",
            between.from,
            between.before.names()
        ),
        (_, None) => format!("`{name}` is gone afterwards, so it cannot be kept"),
    };
    Some(Problem {
        place: Place::Step(0, name.to_owned()),
        message,
    })
}

/// One part on its way.
#[derive(Clone, Debug)]
struct Moving {
    name: String,
    /// The type before; `None` when a step makes it.
    before: Option<Part>,
    /// The step that made it, and which of its results it is.
    made_by: Option<(usize, usize)>,
}

struct State<'a> {
    between: Between<'a>,
    parts: Vec<Moving>,
    steps: Vec<Typed>,
    problems: Vec<Problem>,
    rekinded: bool,
}

impl<'a> State<'a> {
    fn new(between: Between<'a>) -> Self {
        let parts = between.before.parts.iter().map(|part| Moving {
            name: part.name.clone(),
            before: Some(part.clone()),
            made_by: None,
        });
        Self {
            between,
            parts: parts.collect(),
            steps: Vec::new(),
            problems: Vec::new(),
            rekinded: false,
        }
    }

    fn run(&mut self, position: usize, step: &Step) {
        let is_enum = self.between.before.form == Form::Enum;
        if !step.fits(is_enum) {
            let what = if is_enum { "an enum" } else { "a struct" };
            let word = step.word();
            return self.problem(position, word, format!("`{word}` is no step for {what}"));
        }
        if matches!(step, Step::Custom(_)) {
            let text = "`custom` replaces the whole struct, so it stands alone\n  \
                        help: do the other steps inside of the function";
            return self.problem(position, "custom", text.to_owned());
        }
        self.rekinded |= *step == Step::Rekind(None);
        let taken: Vec<Option<Moving>> = step
            .takes()
            .into_iter()
            .map(|name| self.take(position, step, name))
            .collect();
        let mut typed = Typed {
            step: step.clone(),
            takes: Vec::new(),
            gives: step
                .gives()
                .into_iter()
                .map(|name| Part::new(name, ""))
                .collect(),
        };
        typed.takes.extend(
            taken
                .iter()
                .flatten()
                .filter_map(|moving| moving.before.clone()),
        );
        if taken.iter().any(Option::is_none) {
            return self.pretend(step);
        }
        for (result, name) in step.gives().into_iter().enumerate() {
            self.give(
                position,
                step,
                name,
                result,
                taken.first().cloned().flatten(),
            );
        }
        self.steps.push(typed);
    }

    /// Takes a part out. A part that was made by an earlier step of the same migration can only be renamed: its type in
    /// between is nowhere written.
    fn take(&mut self, position: usize, step: &Step, name: &str) -> Option<Moving> {
        let Some(at) = self.parts.iter().position(|part| part.name == name) else {
            self.unknown(position, name);
            return None;
        };
        let renames = matches!(step, Step::Rename(..) | Step::RenameVariant(..));
        if self.parts[at].made_by.is_some() && !renames {
            let text = format!(
                "`{name}` is made by another step of the same migration\n  help: do both in one step"
            );
            self.problem(position, name, text);
            return None;
        }
        Some(self.parts.remove(at))
    }

    fn give(
        &mut self,
        position: usize,
        step: &Step,
        name: &str,
        result: usize,
        taken: Option<Moving>,
    ) {
        if self.parts.iter().any(|part| part.name == name) {
            let (version, word) = (self.between.from, self.between.before.part_word());
            let text = match step {
                Step::Add(_) | Step::AddVariant(_) => {
                    format!("version {version} already has the {word} `{name}`")
                }
                _ => {
                    format!("there already is a {word} `{name}`\n  help: remove or rename it first")
                }
            };
            return self.problem(position, name, text);
        }
        let renamed = match step {
            Step::Rename(..) | Step::RenameVariant(..) => taken,
            _ => None,
        };
        self.parts.push(match renamed {
            Some(moving) => Moving {
                name: name.to_owned(),
                ..moving
            },
            None => Moving {
                name: name.to_owned(),
                before: None,
                made_by: Some((position, result)),
            },
        });
    }

    /// After a mistake the results are taken as made, so that the steps that follow are judged by themselves.
    fn pretend(&mut self, step: &Step) {
        let missing: Vec<&str> = step
            .gives()
            .into_iter()
            .filter(|name| !self.parts.iter().any(|part| part.name == *name))
            .collect();
        self.parts.extend(missing.into_iter().map(|name| Moving {
            name: name.to_owned(),
            before: Some(Part::new(name, "")),
            made_by: None,
        }));
    }

    fn unknown(&mut self, position: usize, name: &str) {
        let (version, shape) = (self.between.from, self.between.before);
        let word = shape.part_word();
        let text = if shape.part(name).is_some() {
            format!("an earlier step of this migration took `{name}` away")
        } else {
            format!(
                "version {version} has no {word} `{name}`; it has: {}",
                shape.names()
            )
        };
        self.problem(position, name, text);
    }

    fn problem(&mut self, position: usize, name: &str, message: String) {
        self.problems.push(Problem {
            place: Place::Step(position, name.to_owned()),
            message,
        });
    }
}

impl Typed {
    /// The names of what it takes at the moment when it runs: a part that an earlier step of the migration renamed has its new
    /// name by then.
    #[must_use]
    pub fn takes_by_name(&self) -> Vec<&str> {
        match self.step {
            Step::Custom(_) => names(&self.takes),
            _ => self.step.takes(),
        }
    }

    /// The names of what it gives when it has run: a later step of the migration may rename it.
    #[must_use]
    pub fn gives_by_name(&self) -> Vec<&str> {
        match self.step {
            Step::Custom(_) => names(&self.gives),
            _ => self.step.gives(),
        }
    }
}

fn names(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.name.as_str()).collect()
}

impl Link {
    /// 64 bits that stand for what the steps do: operation, stored names and types. Not for how functions are called, nor
    /// for the order in which types are spelled.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.steps
            .iter()
            .fold(Digest::new(), |digest, typed| {
                let digest = kept(digest.text(typed.step.word()), &typed.step);
                let digest = fold(digest, &typed.takes).text("=>");
                fold(digest, &typed.gives)
            })
            .finish()
    }
}

fn kept(digest: Digest, step: &Step) -> Digest {
    match step {
        Step::Custom(keeps) => keeps.iter().fold(digest, |digest, name| digest.text(name)),
        _ => digest,
    }
}

fn fold(digest: Digest, parts: &[Part]) -> Digest {
    parts.iter().fold(digest, |digest, part| {
        digest.text(&part.name).text(&part.canonical())
    })
}

#[cfg(test)]
mod tests;
