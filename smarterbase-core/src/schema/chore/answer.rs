//! What is told about the upgrade of a collection, line by line.

use std::fmt::Write as _;

use crate::{
    document::DocumentSpec,
    maintenance::{
        migrate::{MigrationPlan, MigrationProgress},
        quarantine::BadDocuments,
    },
};

/// What an upgrade would do.
pub(super) fn plan(spec: &DocumentSpec, plan: &MigrationPlan) -> String {
    let (name, version) = (spec.collection, spec.schema_version);
    let all = documents(total(plan));
    if plan.outdated == 0 && plan.newer == 0 {
        return format!("{name}: nothing to do ({all} at version {version})\n");
    }
    let mut text = format!(
        "{name}: {} of {all} would be written again at version {version}{}\n",
        plan.outdated,
        left_alone(plan.newer)
    );
    for (version, count) in &plan.versions {
        writeln!(text, "  version {version}: {}", documents(*count)).expect("memory takes it");
    }
    text
}

/// How far a collection is.
pub(super) fn status(spec: &DocumentSpec, floor: u32, plan: &MigrationPlan) -> String {
    let newer = match plan.newer {
        0 => String::new(),
        count => format!(", {count} newer"),
    };
    format!(
        "{}: program at version {}, reads from {}; writers must be at {floor} or later; {} of {} current{newer}\n",
        spec.collection,
        spec.schema_version,
        spec.history.readable_from,
        total(plan) - plan.outdated - plan.newer,
        documents(total(plan)),
    )
}

/// What an upgrade did.
pub(super) fn upgraded(spec: &DocumentSpec, done: &MigrationProgress) -> String {
    format!(
        "{}: {} looked at, {} written at version {}{}\n{}",
        spec.collection,
        documents(done.documents),
        done.upgraded,
        spec.schema_version,
        left_alone(done.newer),
        moved_aside(&done.quarantined),
    )
}

fn left_alone(newer: u64) -> String {
    match newer {
        0 => String::new(),
        count => format!("; {count} of a newer program stay as they are"),
    }
}

/// The documents that somebody has to look after.
fn moved_aside(bad: &BadDocuments) -> String {
    let mut text = String::new();
    if bad.count > 0 {
        let all = documents(bad.count);
        writeln!(text, "  {all} moved aside:").expect("memory takes it");
    }
    for bad in &bad.first {
        writeln!(text, "    {}: {}", bad.place, bad.error).expect("memory takes it");
    }
    match bad.count - bad.first.len() as u64 {
        0 => text,
        more => text + &format!("    and {more} more\n"),
    }
}

fn total(plan: &MigrationPlan) -> u64 {
    plan.versions.values().sum()
}

pub(super) fn documents(count: u64) -> String {
    match count {
        1 => "1 document".to_owned(),
        count => format!("{count} documents"),
    }
}

#[cfg(test)]
mod tests {
    use super::{plan, status, upgraded};
    use crate::{
        document::{DocumentSpec, History, KeyKind, UnknownMembers},
        maintenance::{
            migrate::{MigrationPlan, MigrationProgress},
            quarantine::{BadDocument, BadDocuments},
        },
    };

    static SPEC: DocumentSpec = DocumentSpec {
        type_name: "User",
        collection: "users",
        schema_version: 2,
        shards: 1,
        key_field: "id",
        key_kind: KeyKind::Text,
        fields: &[],
        computed: &[],
        indexes: &[],
        references: &[],
        unknown: UnknownMembers::Keep,
        keeps_history: false,
        history: History::none(2),
    };

    #[test]
    fn what_is_newer_is_neither_current_nor_to_be_written() {
        let told = MigrationPlan {
            versions: [(1, 1), (2, 5), (3, 4)].into(),
            outdated: 1,
            newer: 4,
        };
        let text = "users: 1 of 10 documents would be written again at version 2; 4 of a newer program stay as they are\n  \
                    version 1: 1 document\n  version 2: 5 documents\n  version 3: 4 documents\n";
        assert_eq!(plan(&SPEC, &told), text);
        let text = "users: program at version 2, reads from 2; writers must be at 1 or later; 5 of 10 documents current, 4 newer\n";
        assert_eq!(status(&SPEC, 1, &told), text);
    }

    #[test]
    fn a_collection_of_today_has_one_line() {
        let told = MigrationPlan {
            versions: [(2, 1)].into(),
            ..MigrationPlan::default()
        };
        let text = "users: nothing to do (1 document at version 2)\n";
        assert_eq!(plan(&SPEC, &told), text);
        let text = "users: program at version 2, reads from 2; writers must be at 2 or later; 1 of 1 document current\n";
        assert_eq!(status(&SPEC, 2, &told), text);
    }

    #[test]
    fn an_upgrade_names_what_it_left_and_moved_aside() {
        let bad = BadDocument {
            id: "a".to_owned(),
            place: "_quarantine/users/a/1-x.json".to_owned(),
            error: "a step failed".to_owned(),
        };
        let done = MigrationProgress {
            documents: 9,
            upgraded: 4,
            newer: 2,
            quarantined: BadDocuments {
                count: 3,
                first: vec![bad],
            },
            ..MigrationProgress::default()
        };
        let text = "users: 9 documents looked at, 4 written at version 2; 2 of a newer program stay as they are\n  \
                    3 documents moved aside:\n    _quarantine/users/a/1-x.json: a step failed\n    and 2 more\n";
        assert_eq!(upgraded(&SPEC, &done), text);
    }
}
