//! Which indexes can find what a condition asks for.

use std::ops::Bound;

use super::{
    comparison::{Comparison, Reader},
    condition::Condition,
    range::{Bounds, IndexRange},
};
use crate::{
    document::{ComponentSpec, Document, IndexKind, IndexSpec, Scalar},
    error::Result,
};

/// A way to find every document that meets a condition, and perhaps more.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// The entries of one range.
    Range(IndexRange),
    /// The holder of a unique value.
    Holder(Holder),
    /// Each of these finds them all.
    Either(Vec<Self>),
    /// All of these together find them.
    Each(Vec<Self>),
}

/// Ranges of which a document must have a value in at least one.
pub(crate) type Demand = Vec<IndexRange>;

/// A unique value: at most one live document holds it.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) ordinal: u16,
    pub(crate) components: Vec<Scalar<'static>>,
}

/// A range whose entries stand in the order of a field: behind equal leading components.
#[derive(Clone, Debug)]
pub(crate) struct InOrder {
    pub(crate) range: IndexRange,
    /// What all values of the range begin with: the rest is what documents are ordered by.
    pub(crate) leading: bytes::Bytes,
    /// What else documents must have.
    pub(crate) demands: Vec<Demand>,
}

impl Way {
    /// What every document that this way finds must have; nothing where entries cannot say it.
    pub(crate) fn demands(&self) -> Vec<Demand> {
        match self {
            Self::Range(range) => vec![vec![range.clone()]],
            Self::Holder(_) => Vec::new(),
            Self::Either(ways) => ways.iter().flat_map(Self::demands).collect(),
            // One demand of each part, so that a document of any part meets one of them.
            Self::Each(ways) => {
                let parts = ways.iter().map(|way| way.demands().into_iter().next());
                let together: Option<Vec<Demand>> = parts.collect();
                together.map(|parts| parts.concat()).into_iter().collect()
            }
        }
    }
}

/// Whether the definition at an ordinal answers now.
pub(crate) type IsReady<'r> = &'r dyn Fn(u16) -> bool;

/// The ways to find what meets `condition`; `None` where no index helps.
pub(crate) fn ways<T: Document>(
    condition: &Condition<'_, T>,
    is_ready: IsReady<'_>,
) -> Result<Option<Way>> {
    let parts = condition.parts();
    let mut ways = of_comparisons(&comparisons(parts), is_ready)?;
    if let Some(holder) = ways.iter().find(|way| matches!(way, Way::Holder(_))) {
        return Ok(Some(holder.clone()));
    }
    for part in parts {
        match part {
            Condition::Entries(range) if is_ready(range.ordinal) => match claimed(range) {
                Some(holder) => return Ok(Some(holder)),
                None => ways.push(Way::Range(range.clone())),
            },
            Condition::Or(parts) => ways.extend(each(parts, is_ready)?),
            _ => {}
        }
    }
    Ok(match ways.len() {
        0 => None,
        1 => ways.pop(),
        _ => Some(Way::Either(ways)),
    })
}

/// The holder of the value that the handle of a unique definition asks for.
fn claimed(range: &IndexRange) -> Option<Way> {
    let components = range.claimed()?.to_vec();
    let ordinal = range.ordinal;
    Some(Way::Holder(Holder {
        ordinal,
        components,
    }))
}

/// A union needs a way to every part.
fn each<T: Document>(parts: &[Condition<'_, T>], is_ready: IsReady<'_>) -> Result<Option<Way>> {
    let mut found = Vec::new();
    for part in parts {
        match ways(part, is_ready)? {
            Some(way) => found.push(way),
            None => return Ok(None),
        }
    }
    Ok(Some(Way::Each(found)))
}

fn comparisons<'c, T>(parts: &'c [Condition<'_, T>]) -> Vec<&'c Comparison<T>> {
    let comparison = |part: &'c Condition<'_, T>| match part {
        Condition::Compare(comparison) => Some(comparison),
        _ => None,
    };
    parts.iter().filter_map(comparison).collect()
}

/// What the definitions can do with comparisons that must all hold. A definition that uses only a part of what another
/// one uses finds more, so it is left out.
fn of_comparisons<T: Document>(
    comparisons: &[&Comparison<T>],
    is_ready: IsReady<'_>,
) -> Result<Vec<Way>> {
    let mut found: Vec<(Vec<usize>, Way)> = Vec::new();
    for (ordinal, index) in whole::<T>() {
        let Some(fit) = fit(index, comparisons).filter(|_| is_ready(ordinal)) else {
            continue;
        };
        let used = fit.used.clone();
        let way = fit.way::<T>(ordinal)?;
        if found.iter().any(|(others, _)| is_part(&used, others)) {
            continue;
        }
        found.retain(|(others, _)| !is_part(others, &used));
        found.push((used, way));
    }
    Ok(found.into_iter().map(|(_, way)| way).collect())
}

/// The definitions that hold every document. A partial one leaves documents out that a condition on the bare field means, so
/// only its own handle asks for it.
fn whole<T: Document>() -> impl Iterator<Item = (u16, &'static IndexSpec)> {
    (0_u16..)
        .zip(T::SPEC.indexes)
        .filter(|(_, index)| !index.is_partial())
}

pub(crate) fn is_part(part: &[usize], whole: &[usize]) -> bool {
    part.iter().all(|one| whole.contains(one))
}

/// How comparisons fit to a definition.
struct Fit {
    kind: IndexKind,
    prefix: Vec<Scalar<'static>>,
    bounds: Option<Bounds<'static>>,
    /// The positions of the comparisons that narrow it.
    used: Vec<usize>,
}

impl Fit {
    fn way<T: Document>(self, ordinal: u16) -> Result<Way> {
        match self.kind {
            IndexKind::Unique => Ok(Way::Holder(Holder {
                ordinal,
                components: self.prefix,
            })),
            IndexKind::Index => {
                IndexRange::new(T::SPEC, ordinal, &self.prefix, self.bounds).map(Way::Range)
            }
        }
    }
}

/// Equal leading components, then bounds on the next one; `None` when nothing narrows the definition.
fn fit<T>(index: &IndexSpec, comparisons: &[&Comparison<T>]) -> Option<Fit> {
    let (prefix, mut used) = leading(index, comparisons);
    let next = index.components.get(prefix.len());
    let bounds = next.and_then(|component| bounds(component, index.each, comparisons, &mut used));
    let is_whole = prefix.len() == index.components.len();
    // Claims are found by their whole value, and hold no `None`.
    let fits = match index.kind {
        IndexKind::Index => !used.is_empty(),
        IndexKind::Unique => is_whole && !prefix.contains(&Scalar::Null),
    };
    fits.then_some(Fit {
        kind: index.kind,
        prefix,
        bounds,
        used,
    })
}

/// The leading components that are compared with one value.
fn leading<T>(
    index: &IndexSpec,
    comparisons: &[&Comparison<T>],
) -> (Vec<Scalar<'static>>, Vec<usize>) {
    let (mut prefix, mut used) = (Vec::new(), Vec::new());
    for component in index.components {
        let Some((position, value)) = equal(component, index.each, comparisons) else {
            break;
        };
        prefix.push(value.clone());
        used.push(position);
    }
    (prefix, used)
}

/// The one value that a component is compared with. Equal text is equal when it is folded as well, so a definition that folds
/// finds what is equal, and perhaps more.
fn equal<'c, T>(
    component: &ComponentSpec,
    each: bool,
    comparisons: &'c [&'c Comparison<T>],
) -> Option<(usize, &'c Scalar<'static>)> {
    let mut comparisons = comparisons.iter().enumerate();
    comparisons.find_map(|(position, comparison)| {
        let reader = &comparison.reader;
        let finds = reader.lower.is_none() || reader.lower == component.lower;
        let is_of_it = reader.field == component.field && reader.each == each;
        let value = comparison.equal().filter(|_| is_of_it && finds)?;
        Some((position, value))
    })
}

/// What all comparisons of a component say of it together.
fn bounds<T>(
    component: &ComponentSpec,
    each: bool,
    comparisons: &[&Comparison<T>],
    used: &mut Vec<usize>,
) -> Option<Bounds<'static>> {
    let mut together = None;
    for (position, comparison) in fitting(component, each, comparisons) {
        let Some((lower, upper)) = comparison.bounds() else {
            continue;
        };
        let (least, most) = together.get_or_insert((Bound::Unbounded, Bound::Unbounded));
        for (kept, new) in [(least, lower), (most, upper)] {
            if matches!(kept, Bound::Unbounded) {
                *kept = new.map(super::range::owned);
            }
        }
        used.push(position);
    }
    together
}

/// The comparisons of a component's field that compare as the definition does.
fn fitting<'c, T>(
    component: &'c ComponentSpec,
    each: bool,
    comparisons: &'c [&'c Comparison<T>],
) -> impl Iterator<Item = (usize, &'c Comparison<T>)> {
    comparisons
        .iter()
        .copied()
        .enumerate()
        .filter(move |(_, comparison)| fits(&comparison.reader, component, each))
}

fn fits<T>(reader: &Reader<T>, component: &ComponentSpec, each: bool) -> bool {
    reader.field == component.field && reader.lower == component.lower && reader.each == each
}

/// The range that gives documents in the order of `reader`'s field, the narrowest one that there is.
pub(crate) fn in_order<T: Document>(
    reader: &Reader<T>,
    condition: &Condition<'_, T>,
    is_ready: IsReady<'_>,
) -> Result<Option<InOrder>> {
    let comparisons = comparisons(condition.parts());
    let mut best: Option<(usize, InOrder)> = None;
    for (ordinal, index) in whole::<T>() {
        let Some((used, prefix, bounds)) = order(index, reader, &comparisons) else {
            continue;
        };
        if !is_ready(ordinal) || best.as_ref().is_some_and(|(most, _)| *most >= used) {
            continue;
        }
        let whole = IndexRange::new(T::SPEC, ordinal, &prefix, None)?;
        let in_order = InOrder {
            leading: whole.entries.lower.clone(),
            demands: Vec::new(),
            range: IndexRange::new(T::SPEC, ordinal, &prefix, bounds)?,
        };
        best = Some((used, in_order));
    }
    match best {
        Some((_, in_order)) => Ok(Some(in_order)),
        None => handled_in_order(reader, condition, is_ready),
    }
}

/// The range of a partial definition that the condition asks for by its handle, where its entries stand in the order of the
/// field: whoever meets the condition has one.
fn handled_in_order<T: Document>(
    reader: &Reader<T>,
    condition: &Condition<'_, T>,
    is_ready: IsReady<'_>,
) -> Result<Option<InOrder>> {
    for part in condition.parts() {
        let Condition::Entries(range) = part else {
            continue;
        };
        let index = &T::SPEC.indexes[usize::from(range.ordinal)];
        let leading = last_orders(index, reader).and_then(|before| range.prefix.get(..before));
        if let Some(leading) = leading.filter(|_| index.is_partial() && is_ready(range.ordinal)) {
            let whole = IndexRange::new(T::SPEC, range.ordinal, leading, None)?;
            return Ok(Some(InOrder {
                leading: whole.entries.lower,
                demands: Vec::new(),
                range: range.clone(),
            }));
        }
    }
    Ok(None)
}

type Ordered = (usize, Vec<Scalar<'static>>, Option<Bounds<'static>>);

/// The last component must be the field, behind equal ones: what comes after it would order before the id does.
fn order<T>(
    index: &IndexSpec,
    reader: &Reader<T>,
    comparisons: &[&Comparison<T>],
) -> Option<Ordered> {
    let before = last_orders(index, reader)?;
    let (mut prefix, mut used) = leading(index, comparisons);
    if prefix.len() < before {
        return None;
    }
    prefix.truncate(before);
    used.truncate(before);
    let bounds = bounds(&index.components[before], false, comparisons, &mut used);
    Some((used.len(), prefix, bounds))
}

/// How many components stand before the last one, where that one is the reader's field and gives its order.
fn last_orders<T>(index: &IndexSpec, reader: &Reader<T>) -> Option<usize> {
    let (last, before) = index.components.split_last()?;
    let is_order = index.kind == IndexKind::Index && !index.each && fits(reader, last, false);
    // Text behind other components is cut earlier than text alone, so its order is another one (rule S26).
    let is_cut_alike = before.is_empty() || !matches!(last.encoding.name, "string" | "bytes");
    (is_order && is_cut_alike).then_some(before.len())
}
