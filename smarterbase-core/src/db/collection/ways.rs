//! Which indexes find what conditions on JSON ask for: as for conditions of a type, with what is published of it.

use std::ops::Bound;

use serde_json::Value;

use super::scan::{Compare, Test};
use crate::{
    document::{ComponentSpec, IndexKind, IndexSpec, Scalar},
    error::Result,
    format::stored_type::{self, StoredType},
    operation::untyped::Untyped,
    query::{
        access::{Holder, IsReady, Way, is_part},
        range::{Bounds, IndexRange, owned},
    },
};

/// The ways to find what passes all tests; `None` where no index helps.
pub(super) fn ways(
    untyped: &Untyped,
    tests: &[Test],
    is_ready: IsReady<'_>,
) -> Result<Option<Way>> {
    let spec = untyped.collection.spec;
    let mut found: Vec<(Vec<usize>, Way)> = Vec::new();
    for (ordinal, index) in (0_u16..).zip(spec.indexes) {
        let types = untyped.component_types(ordinal);
        let Some(fit) = fit(index, types, tests).filter(|_| is_ready(ordinal)) else {
            continue;
        };
        let way = match index.kind {
            IndexKind::Unique => Way::Holder(Holder {
                ordinal,
                components: fit.prefix,
            }),
            IndexKind::Index => {
                Way::Range(IndexRange::new(spec, ordinal, &fit.prefix, fit.bounds)?)
            }
        };
        if found.iter().any(|(others, _)| is_part(&fit.used, others)) {
            continue;
        }
        found.retain(|(others, _)| !is_part(others, &fit.used));
        found.push((fit.used, way));
    }
    let mut ways: Vec<Way> = found.into_iter().map(|(_, way)| way).collect();
    Ok(match ways.len() {
        0 => None,
        1 => ways.pop(),
        _ => Some(Way::Either(ways)),
    })
}

/// Whether any definition fits, were it ready.
pub(super) fn could_help(untyped: &Untyped, tests: &[Test]) -> bool {
    let mut ordinals = (0_u16..).zip(untyped.collection.spec.indexes);
    ordinals.any(|(ordinal, index)| {
        let types = untyped.component_types(ordinal);
        fit(index, types, tests).is_some()
    })
}

/// How tests fit to a definition.
struct Fit {
    prefix: Vec<Scalar<'static>>,
    bounds: Option<Bounds<'static>>,
    used: Vec<usize>,
}

/// Equal leading components, then bounds on the next one; `None` when nothing narrows the definition.
fn fit(index: &IndexSpec, types: &[StoredType], tests: &[Test]) -> Option<Fit> {
    let (mut prefix, mut used) = (Vec::new(), Vec::new());
    let components = index.components.iter().zip(types);
    let mut bounds = None;
    for (component, ty) in components {
        let fitting = of_component(index, component, ty, tests);
        let mut equal = fitting
            .iter()
            .filter(|(position, _)| tests[*position].is_equality());
        let Some((position, value)) = equal.next() else {
            bounds = between(fitting, component, tests, &mut used);
            break;
        };
        prefix.push(value.clone());
        used.push(*position);
    }
    let fits = match index.kind {
        IndexKind::Index => !used.is_empty(),
        IndexKind::Unique => prefix.len() == index.components.len(),
    };
    fits.then_some(Fit {
        prefix,
        bounds,
        used,
    })
}

/// The tests of a component's field, with the values that they compare with.
///
/// A stored document has the entry of its JSON value only where that value has always been the field's: not where a step of a
/// migration made the field or its values, or another field had its name. A missing member may have a default of the type.
fn of_component(
    index: &IndexSpec,
    component: &ComponentSpec,
    ty: &StoredType,
    tests: &[Test],
) -> Vec<(usize, Scalar<'static>)> {
    let is_original = component.touched <= 1 && component.origin == component.field;
    let fits = |test: &Test| {
        let is_of_field = matches!(&test.path[..], [field] if field == component.field);
        let is_of_list = test.compare == Compare::Has;
        is_original
            && is_of_field
            && is_of_list == index.each
            && test.ty.as_ref() == Some(ty)
            && test.value != Value::Null
    };
    let fitting = tests.iter().enumerate().filter(|(_, test)| fits(test));
    let with_value = fitting.filter_map(|(position, test)| {
        let scalar = stored_type::scalar(ty, &test.value)?;
        Some((position, owned(scalar)))
    });
    with_value.collect()
}

/// What tests say of a component together. Where text is folded, only equality is the same as in the index.
fn between(
    fitting: Vec<(usize, Scalar<'static>)>,
    component: &ComponentSpec,
    tests: &[Test],
    used: &mut Vec<usize>,
) -> Option<Bounds<'static>> {
    let mut together: Option<Bounds<'static>> = None;
    if component.lower.is_some() {
        return None;
    }
    for (position, value) in fitting {
        let (lower, upper) = together.get_or_insert((Bound::Unbounded, Bound::Unbounded));
        let (kept, bound) = match tests[position].compare {
            Compare::AtLeast => (lower, Bound::Included(value)),
            Compare::Above => (lower, Bound::Excluded(value)),
            Compare::AtMost => (upper, Bound::Included(value)),
            Compare::Below => (upper, Bound::Excluded(value)),
            Compare::Equal | Compare::Has => continue,
        };
        if matches!(kept, Bound::Unbounded) {
            *kept = bound;
        }
        used.push(position);
    }
    together
}
