//! Checks a history: the lock, every link between sealed versions, and the struct at its end. One mistake is one error.

use proc_macro2::Span;
use smarterbase_schema::{
    Lock, Place, Problem, Sealed, Shape, Step,
    difference::{self, Change},
    lock::seal_line,
    replay::{self, Between},
};

use super::{History, SameType, SealedLink, Source, Subject, messages, write_block};
use crate::{attr::MigrateOptions, errors::Errors};

/// The history of a type, as far as it is right; every mistake is reported.
pub(crate) fn check(subject: &Subject<'_>, errors: &mut Errors) -> History {
    let version = subject.options.current();
    if subject.options.unsealed.is_some() {
        if let Some(migration) = subject.options.migrations.first() {
            errors.push(migration.span, messages::unsealed_migration());
        }
        return History::none(version);
    }
    if subject.options.is_incomplete || !messages::is_file_name(subject.name) {
        // Something before this has reported it.
        return History::none(version);
    }
    let mut found = Errors::default();
    let source = Source::find(subject);
    let mut history = match &source.text {
        Some(text) => with_file(subject, &source, text, &mut found),
        None => without_lock(subject, &source, None, &mut found),
    };
    let is_right = found.is_empty();
    errors.append(found);
    write_block(subject, &source, &history, is_right);
    if is_right {
        history.shape = Some(subject.shape.clone());
    } else {
        history.links.clear();
        history.draft = None;
        history.sealed = None;
    }
    history
}

fn with_file(subject: &Subject<'_>, source: &Source, text: &str, errors: &mut Errors) -> History {
    // Also a lock that is wrong is included, so that mending it builds again.
    let included = Some((source.include.clone(), seal_line(text).to_owned()));
    let mut history = match Lock::parse(text) {
        Err(broken) => {
            errors.push(
                subject.version_span(),
                messages::broken(subject, source, &broken),
            );
            History::none(subject.options.current())
        }
        Ok(lock) if !source.is_ours(&lock) && !Source::has_owner(&lock) => {
            errors.push(
                subject.version_span(),
                messages::owner_is_gone(source, &lock),
            );
            History::none(subject.options.current())
        }
        Ok(lock) if !source.is_ours(&lock) => {
            return without_lock(subject, source, Some(&lock), errors);
        }
        Ok(lock) if lock.kind != subject.kind || lock.name != subject.name => {
            errors.push(subject.version_span(), messages::other_type(source, &lock));
            History::none(subject.options.current())
        }
        Ok(lock) => Check {
            subject,
            source,
            lock: &lock,
            errors,
        }
        .run(),
    };
    history.lock = included;
    history
}

/// A type that was never sealed has one version and no past.
fn without_lock(
    subject: &Subject<'_>,
    source: &Source,
    foreign: Option<&Lock>,
    errors: &mut Errors,
) -> History {
    let version = subject.options.current();
    if version > 1 {
        let message = messages::missing(subject, source, foreign);
        errors.push(subject.version_span(), message);
    } else {
        leading_too_far(subject, errors);
    }
    History {
        draft: (version == 1).then(|| messages::denied(subject)),
        ..History::none(version)
    }
}

/// Migrations that lead past today's version.
fn leading_too_far(subject: &Subject<'_>, errors: &mut Errors) {
    let version = subject.options.current();
    for migration in &subject.options.migrations {
        if migration.to.value > version {
            errors.push(migration.to.span, messages::too_far(subject, migration));
        }
    }
}

struct Check<'a> {
    subject: &'a Subject<'a>,
    source: &'a Source,
    lock: &'a Lock,
    errors: &'a mut Errors,
}

impl Check<'_> {
    fn run(mut self) -> History {
        let version = self.subject.options.current();
        let mut history = History::none(version);
        let Some(last) = self.lock.last() else {
            return history;
        };
        if version < last.version || version > last.version + 1 {
            let message = messages::out_of_order(self.subject, self.source, last.version);
            self.errors.push(self.subject.version_span(), message);
            return history;
        }
        let Some(oldest) = self.oldest(version) else {
            return history;
        };
        history.readable_from = oldest;
        match self.lock.version(oldest) {
            Some(sealed) => history.origins.clone_from(&sealed.origins),
            // A draft that reads nothing older: what was called as its fields are is not known any more.
            None => history.since = oldest,
        }
        leading_too_far(self.subject, self.errors);
        self.unused(oldest);
        history.links = (oldest..version)
            .filter_map(|from| self.link(from, last, &mut history.same))
            .collect();
        self.origins(&history);
        if version == last.version {
            self.same_as_sealed(last, &mut history.same);
            history.sealed = Some(last.shape.clone());
        } else {
            history.draft = Some(messages::denied(self.subject));
        }
        history
    }

    /// The origins in the lock are those of the steps, so that they can stand in for them when `min_version` drops them.
    fn origins(&mut self, history: &History) {
        let version = self.subject.options.current();
        if history.links.len() != (version - history.readable_from) as usize {
            // A step is wrong, and that was reported.
            return;
        }
        let followed = history.links.iter().map(|link| link.from + 1);
        for sealed in followed.filter_map(|version| self.lock.version(version)) {
            let origins = history.origins(self.subject.kind, &sealed.shape, sealed.version);
            if origins != sealed.origins {
                let message = messages::other_origins(self.source, sealed, origins);
                self.errors.push(self.subject.version_span(), message);
                return;
            }
        }
    }

    /// The lowest version that is read: `min_version`, else the first one.
    fn oldest(&mut self, version: u32) -> Option<u32> {
        let Some(oldest) = &self.subject.options.min_version else {
            return Some(1);
        };
        if oldest.value > version {
            let text = format!(
                "`min_version` is {}, but the type is at version {version}",
                oldest.value
            );
            self.errors.push(oldest.span, text);
            return None;
        }
        Some(oldest.value)
    }

    /// Migrations that are given twice, or that `min_version` has made useless.
    fn unused(&mut self, oldest: u32) {
        let migrations = &self.subject.options.migrations;
        for (position, migration) in migrations.iter().enumerate() {
            let from = migration.from.value;
            let earlier = &migrations[..position];
            if earlier.iter().any(|other| other.from.value == from) {
                self.errors.push(
                    migration.span,
                    format!("`migrate({from} => {}, ..)` is given twice", from + 1),
                );
            } else if from < oldest {
                self.errors
                    .push(migration.span, messages::never_run(migration, oldest));
            }
        }
    }

    /// One link: the migration from a version to the next one.
    fn link(&mut self, from: u32, last: &Sealed, same: &mut Vec<SameType>) -> Option<SealedLink> {
        let Some(before) = self.lock.version(from) else {
            let message = messages::not_in_lock(self.subject, self.source, from);
            self.errors.push(self.subject.version_span(), message);
            return None;
        };
        let sealed = self.lock.version(from + 1);
        let after = sealed.map_or(&self.subject.shape, |sealed| &sealed.shape);
        let between = Between {
            from,
            before: &before.shape,
            after,
        };
        let Some(migration) = self.subject.migration(from) else {
            let message = messages::no_migration(self.subject, between, last.version);
            self.errors.push(self.subject.version_span(), message);
            return None;
        };
        let steps: Vec<Step> = migration
            .steps
            .iter()
            .map(|step| step.step.clone())
            .collect();
        let link = match replay::replay(between, &steps) {
            Ok(link) => link,
            Err(problems) => {
                for problem in problems {
                    let span = self.place(migration, &problem);
                    self.errors.push(span, problem.message);
                }
                return None;
            }
        };
        if !self.has_values(migration, after) {
            return None;
        }
        match sealed {
            Some(sealed) if sealed.steps != Some(link.digest()) => {
                self.errors.push(migration.span, messages::edited(from));
                return None;
            }
            Some(_) => {}
            None => {
                for (before, after) in &link.undecided {
                    let change = Change::Retyped(before.clone(), after.clone());
                    let help = difference::steps(between.after.form, &[change]).join(", ");
                    let message = replay::retyped(between, before, after, &help);
                    if self.subject.is_generic {
                        let span = self.subject.part(&after.name);
                        self.errors
                            .push(span.map_or(migration.span, |part| part.span), message);
                    } else {
                        same.extend(self.same_type(before, &after.name, message));
                    }
                }
            }
        }
        Some(SealedLink {
            from,
            before: before.shape.clone(),
            after: after.clone(),
            link,
        })
    }

    /// `add(field)` without a value is for fields whose value for old documents is known without one.
    fn has_values(&mut self, migration: &MigrateOptions, after: &Shape) -> bool {
        let is_current = migration.to.value == self.subject.options.current();
        let mut all = true;
        for (position, step) in migration.steps.iter().enumerate() {
            let (Step::Add(name), None) = (&step.step, &step.value) else {
                continue;
            };
            let has_default = is_current
                && self
                    .subject
                    .part(name)
                    .is_some_and(|part| part.default.is_some());
            let is_optional = after
                .part(name)
                .is_some_and(|part| part.parsed().optional().is_some());
            if !has_default && !is_optional {
                self.errors
                    .push(migration.place(position, name), messages::no_value(name));
                all = false;
            }
        }
        all
    }

    fn place(&self, migration: &MigrateOptions, problem: &Problem) -> Span {
        let is_current = migration.to.value == self.subject.options.current();
        match &problem.place {
            Place::Step(step, name) => migration.place(*step, name),
            Place::Part(name) if is_current => self
                .subject
                .part(name)
                .map_or(migration.span, |part| part.span),
            Place::Part(_) | Place::Migration => migration.span,
        }
    }

    /// The struct is what was sealed.
    fn same_as_sealed(&mut self, sealed: &Sealed, same: &mut Vec<SameType>) {
        if sealed.shape.key != self.subject.shape.key
            || sealed.shape.form != self.subject.shape.form
        {
            let message = messages::other_identity(&sealed.shape, &self.subject.shape);
            let key = self.subject.shape.key.as_deref();
            let span = key.and_then(|key| self.subject.part(key));
            self.errors
                .push(span.map_or(self.subject.span, |part| part.span), message);
            return;
        }
        let (changes, undecided) = if self.subject.is_generic {
            let changes = difference::by_name(&sealed.shape, &self.subject.shape);
            (changes, Vec::new())
        } else {
            difference::between(&sealed.shape, &self.subject.shape)
        };
        if changes.is_empty() {
            for (before, after) in &undecided {
                let change = Change::Retyped(before.clone(), after.clone());
                let message = messages::changed(self.subject, self.source, &[change]);
                same.extend(self.same_type(before, &after.name, message));
            }
            return;
        }
        let message = messages::changed(self.subject, self.source, &changes);
        self.errors.push(self.first_changed(&changes), message);
    }

    /// The first field that is not as it was; a removed one has no place of its own.
    fn first_changed(&self, changes: &[Change]) -> Span {
        let name = |change: &Change| match change {
            Change::Added(part) | Change::Retyped(_, part) => Some(part.name.clone()),
            Change::Removed(_) | Change::Represented(..) => None,
        };
        let first = changes.iter().find_map(name);
        first
            .and_then(|name| self.subject.part(&name))
            .map_or(self.subject.version_span(), |part| part.span)
    }

    fn same_type(
        &self,
        before: &smarterbase_schema::Part,
        name: &str,
        message: String,
    ) -> Option<SameType> {
        Some(SameType {
            ty: self.subject.part(name)?.ty.clone()?,
            text: before.canonical(),
            message,
        })
    }
}
