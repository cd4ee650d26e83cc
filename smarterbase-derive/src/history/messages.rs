//! What is said about a history that is not right: what it is, and what to write.

use smarterbase_schema::{
    Lock, Origin, Sealed, Shape,
    difference::{self, Change},
    lock::Broken,
    replay::Between,
};

use super::{Source, Subject};
use crate::attr::MigrateOptions;

/// Whether a stored name can be the name of a file.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
}

/// `#[document(version = 3, migrate(2 => 3, add(nickname = None)))]`.
fn attribute(subject: &Subject<'_>, from: u32, changes: &[Change]) -> String {
    let to = from + 1;
    let word = subject.kind.name();
    let steps = difference::steps(subject.shape.form, changes).join(", ");
    format!("#[{word}(version = {to}, migrate({from} => {to}, {steps}))]")
}

pub(super) fn changed(subject: &Subject<'_>, source: &Source, changes: &[Change]) -> String {
    let (name, version) = (&subject.type_name, subject.options.current());
    format!(
        "`{name}` changed, but version {version} is sealed in `{}`\n  \
           changes since version {version}:\n{}\n  \
         help: bump the version and say how old documents become new ones:\n        {}",
        source.shown,
        difference::list(changes),
        attribute(subject, version, changes),
    )
}

pub(super) fn broken(subject: &Subject<'_>, source: &Source, broken: &Broken) -> String {
    match broken {
        Broken::Seal => format!(
            "`{}` was edited by hand (its seal does not match); restore it from git, or run \
             `cargo smarterbase seal --repair {}` and review",
            source.shown, subject.name
        ),
        Broken::Line(line, what) => format!(
            "`{}` is no lock: line {line}: {what}\n  help: restore it from git",
            source.shown
        ),
    }
}

pub(super) fn other_type(source: &Source, lock: &Lock) -> String {
    format!(
        "`{}` is the lock of the {} `{}`\n  help: restore it from git; a lock has the name of its type",
        source.shown,
        lock.kind.name(),
        lock.name
    )
}

pub(super) fn owner_is_gone(source: &Source, lock: &Lock) -> String {
    let crate_name = std::env::var("CARGO_CRATE_NAME").unwrap_or_default();
    format!(
        "`{}` belongs to the crate `{}`, which this package does not have\n  \
         help: where the crate was renamed, write `crate = \"{crate_name}\"` into the lock, run \
         `cargo smarterbase seal --repair {}` and review\n  \
         help: where this is another type, give it another name, or locks of its own: `schema_dir = \"..\"`",
        source.shown, lock.crate_name, lock.name
    )
}

pub(super) fn missing(subject: &Subject<'_>, source: &Source, foreign: Option<&Lock>) -> String {
    let (name, version) = (&subject.type_name, subject.options.current());
    if let Some(lock) = foreign {
        return format!(
            "`{name}` is at version {version}, but `{}` belongs to the crate `{}`\n  \
             help: give this type another name, or locks of its own: `schema_dir = \"..\"`",
            source.shown, lock.crate_name
        );
    }
    let mut text = format!(
        "`{name}` is at version {version} but `{}` does not exist\n  \
         help: the sealed history of versions 1..={} must be checked in; restore the file, or start again at `version = 1`",
        source.shown,
        version - 1
    );
    // cargo sets this for the package that is being worked on, not for its dependencies.
    if std::env::var("CARGO_PRIMARY_PACKAGE").is_err() && std::env::var("CARGO").is_ok() {
        text.push_str(
            "\n  help: a package that lists its files with `include` must list `schema/` too",
        );
    }
    text
}

pub(super) fn out_of_order(subject: &Subject<'_>, source: &Source, last: u32) -> String {
    let (name, version) = (&subject.type_name, subject.options.current());
    if version > last {
        return format!(
            "`{name}` says version {version} but the last sealed version is {last}\n  \
             help: seal one version at a time: write `version = {}`",
            last + 1
        );
    }
    format!(
        "`{name}` says version {version} but version {last} is already sealed in `{}`\n  \
         help: a schema version never goes back; write `version = {last}`, or `version = {next}` with a \
         `migrate({last} => {next}, ..)`",
        source.shown,
        next = last + 1
    )
}

pub(super) fn not_in_lock(subject: &Subject<'_>, source: &Source, version: u32) -> String {
    format!(
        "`{}` has no version {version}, so `{}` cannot read it\n  help: restore it from git, or write `min_version = {}`",
        source.shown,
        subject.type_name,
        version + 1
    )
}

pub(super) fn no_migration(subject: &Subject<'_>, between: Between<'_>, last: u32) -> String {
    let (from, to) = (between.from, between.from + 1);
    if to <= last {
        return format!(
            "the sealed migration `migrate({from} => {to}, ..)` was removed\n  \
             note: documents written at version {from} can no longer be read; restore it, or declare `min_version = {to}` \
             when no document of an older version is left",
        );
    }
    let changes = difference::by_name(between.before, between.after);
    let steps = difference::steps(between.after.form, &changes).join(", ");
    let separator = if steps.is_empty() { "" } else { ", " };
    format!(
        "`{}` is at version {to} but has no `migrate({from} => {to}, ..)`\n  help: add `migrate({from} => {to}{separator}{steps})`",
        subject.type_name
    )
}

pub(super) fn edited(from: u32) -> String {
    format!(
        "the sealed migration {from} => {} was edited: documents already migrated by it would differ from those migrated \
         now; write a new version instead",
        from + 1
    )
}

pub(super) fn other_origins(source: &Source, sealed: &Sealed, origins: Vec<Origin>) -> String {
    let (version, has_some) = (sealed.version, !origins.is_empty());
    let expected = Sealed {
        origins,
        ..sealed.clone()
    };
    let lines: String = expected
        .origin_lines()
        .lines()
        .map(|line| format!("\n        {line}"))
        .collect();
    let table = if has_some {
        format!("write it:\n        [v{version}.origins]{lines}")
    } else {
        format!("remove `[v{version}.origins]`")
    };
    format!(
        "`{}` does not say where the fields of version {version} come from\n  \
         help: restore it from git, or {table}\n  help: then run `cargo smarterbase seal --repair` and review",
        source.shown
    )
}

pub(super) fn too_far(subject: &Subject<'_>, migration: &MigrateOptions) -> String {
    let (to, version) = (migration.to.value, subject.options.current());
    format!(
        "`migrate({} => {to}, ..)` leads to version {to}, but `{}` is at version {version}\n  help: write `version = {to}`",
        migration.from.value, subject.type_name
    )
}

pub(super) fn never_run(migration: &MigrateOptions, oldest: u32) -> String {
    format!(
        "`min_version` is {oldest}, so `migrate({} => {}, ..)` is never run\n  help: remove it",
        migration.from.value, migration.to.value
    )
}

pub(super) fn unsealed_migration() -> &'static str {
    "an `unsealed` type has no sealed versions, so nothing can be migrated from them\n  help: remove `unsealed`, or the migration"
}

pub(super) fn denied(subject: &Subject<'_>) -> String {
    format!(
        "`{0}` version {1} is a draft and SMARTERBASE_DRAFTS=deny; run `cargo smarterbase seal {0}`",
        subject.type_name,
        subject.options.current()
    )
}

pub(super) fn other_identity(sealed: &Shape, today: &Shape) -> String {
    match (&sealed.key, &today.key) {
        (Some(old), Some(new)) if old != new => format!(
            "the key was `{old}` when this was sealed and is `{new}` now, but the key of a document never changes"
        ),
        _ => format!(
            "this was sealed as a {} and is a {} now\n  help: give the new type another name",
            sealed.form.name(),
            today.form.name()
        ),
    }
}

pub(super) fn no_value(name: &str) -> String {
    format!(
        "old documents have no value for `{name}`\n  \
         help: write `add({name} = ..)`; without a value it is for `Option` and for fields with `#[field(default)]`"
    )
}
