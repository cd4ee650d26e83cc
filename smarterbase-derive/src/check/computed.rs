//! Rules about computed values: each has a name that nothing else in the document has.

use crate::{
    errors::Errors,
    model::{Computed, DocumentModel, FieldModel, Source, Sources},
};

/// Reports names that are taken, and takes out what is over such a value, so that it causes no other errors.
pub(super) fn check(model: &mut DocumentModel, errors: &mut Errors) {
    for position in 0..model.computed.len() {
        model.computed[position].is_taken = is_taken(model, position, errors);
    }
    let sources = Sources {
        fields: &model.fields,
        computed: &model.computed,
    };
    let is_over_taken = |position: &usize| matches!(sources.get(*position), Source::Computed(computed) if computed.is_taken);
    model
        .definitions
        .retain(|definition| !definition.components.iter().any(is_over_taken));
}

fn is_taken(model: &DocumentModel, position: usize, errors: &mut Errors) -> bool {
    let computed = &model.computed[position];
    let name = computed.name();
    let mut earlier = model.computed[..position].iter();
    let earlier = earlier.find(|earlier| earlier.name() == name);
    if let Some(earlier) = earlier {
        twice(computed, earlier, errors);
    }
    let field = model.stored().find(|field| is_called(field, &name));
    if let Some(field) = field {
        is_a_field(computed, field, errors);
    }
    earlier.is_some() || field.is_some()
}

/// Whether a member of the stored document is read under this name, or the field's handle has it.
fn is_called(field: &FieldModel, name: &str) -> bool {
    let mut aliases = field.aliases.iter();
    field.name() == name || field.stored == name || aliases.any(|alias| alias.value == name)
}

fn is_a_field(computed: &Computed, field: &FieldModel, errors: &mut Errors) {
    let name = computed.name();
    errors.push_pair(
        computed.ident.span(),
        format_args!(
            "`{name}` is a field, so no method can give another value of that name\n  \
             help: call the method otherwise; to index the field write `#[index]` on it"
        ),
        field.ident.span(),
        "the field is here",
    );
}

fn twice(computed: &Computed, earlier: &Computed, errors: &mut Errors) {
    errors.push_pair(
        computed.ident.span(),
        format_args!(
            "`{0}` is computed twice\n  help: several indexes stand together: `computed({0}: .., index, unique(where = ..))`",
            computed.name()
        ),
        earlier.ident.span(),
        "the other one is here",
    );
}
