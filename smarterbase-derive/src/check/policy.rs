//! Rules about documents of other versions: what an older program is said to read must be readable.

use smarterbase_schema::Step;

use crate::{attr::AdoptOptions, errors::Errors, model::DocumentModel};

pub(super) fn check(model: &mut DocumentModel, errors: &mut Errors) {
    if !is_readable_by(model, errors) {
        model.policy.readable_by = None;
    }
    if let Some(adopt) = &model.policy.adopt {
        own_field(model, adopt, errors);
    }
}

/// An older struct reads a newer document when every step since only added fields. Without a right history nothing more is
/// said.
fn is_readable_by(model: &DocumentModel, errors: &mut Errors) -> bool {
    let Some(wanted) = &model.policy.readable_by else {
        return true;
    };
    let version = model.options.current();
    if model.history.shape.is_none() && model.options.unsealed.is_none() {
        return false;
    }
    if !(1..version).contains(&wanted.value) {
        let text = format!(
            "`readable_by` names an older version whose programs can read this one, but the type is at version {version}"
        );
        errors.push(wanted.span, text);
        return false;
    }
    let since: Vec<_> = model
        .history
        .links
        .iter()
        .filter(|link| link.from >= wanted.value)
        .collect();
    if since.first().is_none_or(|link| link.from != wanted.value) {
        let text = format!(
            "nothing says what became of version {} since, so its programs may misread this one\n  \
             help: `readable_by` needs every `migrate(..)` from that version on",
            wanted.value
        );
        errors.push(wanted.span, text);
        return false;
    }
    for link in since {
        let mut steps = link.link.steps.iter().map(|typed| &typed.step);
        if let Some(step) = steps.find(|step| !matches!(step, Step::Add(_))) {
            let text = format!(
                "programs of version {} cannot read this one: `migrate({} => {}, ..)` has the step `{}`, and only `add` leaves \
                 what they know as it was\n  help: remove `readable_by`; older programs then refuse newer documents",
                wanted.value,
                link.from,
                link.from + 1,
                step.word()
            );
            errors.push(wanted.span, text);
            return false;
        }
    }
    true
}

/// The version of the other library is no field: it leaves with the first write.
fn own_field(model: &DocumentModel, adopt: &AdoptOptions, errors: &mut Errors) {
    let name = &adopt.version_field.value;
    let is_field = |field: &&crate::model::FieldModel| {
        field.stored == *name || field.aliases.iter().any(|alias| alias.value == *name)
    };
    if let Some(field) = model.stored().find(is_field) {
        let text = format!(
            "`{name}` is the field `{}` of the struct, so it cannot be the version that another library wrote\n  \
             help: remove the field: the version is read before the document is decoded",
            field.name()
        );
        errors.push(adopt.version_field.span, text);
    }
}
