//! One field compared with something: the same answer from an index and on a document.

use std::{any::Any, ops::Bound};

use sha2::{Digest, Sha256};

use super::range::{Bounds, hash_range, owned};
use crate::{
    document::{Document, DocumentSpec, Field, IndexList, IndexSpec, IndexValue, Scalar},
    error::{Error, Result},
    format::{
        index_key::{self, ValueRange},
        lower,
    },
};

/// Gives the scalars of the value at a place: one, or one per element of a list.
type Read<T> = fn(&T, Place, &mut dyn FnMut(Scalar<'_>));

/// Where a document has a value.
#[derive(Clone, Copy)]
enum Place {
    /// In the stored field at this position.
    Stored(u16),
    /// Nowhere: a method gives it.
    Computed(u16),
}

impl Place {
    fn of(spec: &DocumentSpec, name: &str) -> Self {
        let narrow = |position| u16::try_from(position).expect("fewer fields than 65,536");
        if let Some(position) = spec.fields.iter().position(|field| field.name == name) {
            return Self::Stored(narrow(position));
        }
        let computed = spec.computed.iter().position(|computed| *computed == name);
        let position = computed.expect("the derive lists every value that it gives a handle");
        Self::Computed(narrow(position))
    }

    fn look<T: Document>(self, document: &T, look: &mut dyn FnMut(&dyn Any)) {
        match self {
            Self::Stored(position) => look(document.field(position)),
            Self::Computed(position) => document.computed(position, look),
        }
    }
}

/// A field, as conditions and orders read it.
pub(crate) struct Reader<T> {
    /// The stored name.
    pub(crate) field: &'static str,
    /// The table that folds text before it is compared.
    pub(crate) lower: Option<u8>,
    /// Whether the field is a list, whose elements are compared.
    pub(crate) each: bool,
    place: Place,
    read: Read<T>,
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Reader<T> {}

impl<T: Document> Reader<T> {
    /// Reads the value of a field.
    pub(crate) fn of_value<V: IndexValue + 'static, C>(field: Field<T, V, C>) -> Self {
        Self::new(field, false, |document, place, give| {
            place.look(document, &mut |value| {
                if let Some(value) = value.downcast_ref::<V>() {
                    give(value.scalar());
                }
            });
        })
    }

    /// Reads the elements of a list.
    pub(crate) fn of_elements<L, C>(field: Field<T, L, C>) -> Self
    where
        L: IndexList + 'static,
        L::Element: IndexValue,
    {
        Self::new(field, true, |document, place, give| {
            place.look(document, &mut |list| {
                if let Some(list) = list.downcast_ref::<L>() {
                    list.elements().for_each(|element| give(element.scalar()));
                }
            });
        })
    }

    fn new<V, C>(field: Field<T, V, C>, each: bool, read: Read<T>) -> Self {
        let name = field.name();
        Self {
            field: name,
            lower: table_of_equality(T::SPEC, name),
            each,
            place: Place::of(T::SPEC, name),
            read,
        }
    }

    /// The same field, where its values are brought into an order.
    pub(crate) fn in_order(self) -> Self {
        Self {
            lower: table_of_order(T::SPEC, self.field),
            ..self
        }
    }

    /// The value; `Null` for a field that holds none.
    pub(crate) fn scalar(&self, document: &T) -> Scalar<'static> {
        let mut value = Scalar::Null;
        (self.read)(document, self.place, &mut |scalar| value = owned(scalar));
        value
    }

    fn any(&self, document: &T, test: impl Fn(Scalar<'_>) -> Result<bool>) -> Result<bool> {
        let mut answer = Ok(false);
        (self.read)(document, self.place, &mut |scalar| {
            if matches!(answer, Ok(false)) {
                answer = test(scalar);
            }
        });
        answer.map_err(|error| error.on_field(self.field))
    }
}

/// The definitions that speak of a field itself; partial ones do it of their own handles only.
fn whole(spec: &DocumentSpec) -> impl Iterator<Item = &'static IndexSpec> {
    spec.indexes.iter().filter(|index| !index.is_partial())
}

/// Text is equal without regard to case where a definition says so that begins with its field. What stands behind another
/// field, as a value that is unique within a scope, is folded by that definition alone.
fn table_of_equality(spec: &DocumentSpec, field: &str) -> Option<u8> {
    let mut tables = whole(spec)
        .filter_map(|index| index.components.first())
        .filter(|component| component.field == field)
        .filter_map(|component| component.lower);
    tables.next()
}

/// Text is ordered as its range index orders it; without one, by what makes it equal.
fn table_of_order(spec: &DocumentSpec, field: &str) -> Option<u8> {
    let mut ranges = whole(spec).filter(|index| index.range);
    let alone = ranges.find_map(|index| match index.components {
        [component] if component.field == field => Some(component.lower),
        _ => None,
    });
    alone.unwrap_or_else(|| table_of_equality(spec, field))
}

/// What a field is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// It equals the value; an element of a list does.
    Equal(Scalar<'static>),
    /// It lies between the bounds.
    Between(Bound<Scalar<'static>>, Bound<Scalar<'static>>),
    /// The text begins so.
    StartsWith(String),
    /// The text holds this somewhere.
    Contains(String),
}

/// A field, and what it is compared with.
pub(crate) struct Comparison<T> {
    pub(crate) reader: Reader<T>,
    pub(crate) test: Test,
    /// The bytes of the scalars that pass; texts are compared as texts.
    inside: Option<ValueRange>,
}

impl<T: Document> Comparison<T> {
    pub(crate) fn new(reader: Reader<T>, test: Test) -> Result<Self> {
        let reader = match test {
            Test::Equal(_) | Test::Contains(_) => reader,
            Test::Between(..) | Test::StartsWith(_) => reader.in_order(),
        };
        let test = test.folded(reader.lower);
        let inside = test.inside(reader.lower);
        Ok(Self {
            inside: inside.map_err(|error| error.on_field(reader.field))?,
            reader,
            test,
        })
    }

    pub(crate) fn holds(&self, document: &T) -> Result<bool> {
        self.reader.any(document, |scalar| self.passes(&scalar))
    }

    fn passes(&self, scalar: &Scalar<'_>) -> Result<bool> {
        match (&self.test, &self.inside, scalar) {
            (Test::StartsWith(start), _, Scalar::Text(text)) => {
                Ok(self.text(text).starts_with(start))
            }
            (Test::Contains(part), _, Scalar::Text(text)) => Ok(self.text(text).contains(part)),
            (_, Some(inside), _) => {
                let bytes = index_key::exact_scalar(scalar, self.reader.lower)?;
                Ok(inside.contains(&bytes))
            }
            _ => Ok(false),
        }
    }

    fn text(&self, text: &str) -> String {
        match self.reader.lower {
            Some(table) => lower::fold(table, text),
            None => text.to_owned(),
        }
    }
}

impl<T> Comparison<T> {
    /// The one value that an index is asked for.
    pub(crate) fn equal(&self) -> Option<&Scalar<'static>> {
        match &self.test {
            Test::Equal(value) => Some(value),
            _ => None,
        }
    }

    /// The values that an index is asked for; `None` where no range holds them.
    pub(crate) fn bounds(&self) -> Option<Bounds<'_>> {
        match &self.test {
            Test::Equal(value) => Some((
                Bound::Included(value.clone()),
                Bound::Included(value.clone()),
            )),
            Test::Between(lower, upper) => Some((lower.clone(), upper.clone())),
            Test::StartsWith(start) => Some(starting_with(start, self.reader.lower)),
            Test::Contains(_) => None,
        }
    }

    /// Cursors of another comparison do not fit.
    pub(crate) fn hash_into(&self, hash: &mut Sha256) {
        hash.update(self.reader.field);
        hash.update([0, self.reader.lower.unwrap_or(0)]);
        match (&self.test, &self.inside) {
            (Test::StartsWith(text), _) => hash.update([b"starts with ", text.as_bytes()].concat()),
            (Test::Contains(text), _) => hash.update([b"contains ", text.as_bytes()].concat()),
            (_, Some(inside)) => hash_range(hash, inside),
            (_, None) => {}
        }
    }

    /// As in explanations: the field and the kind of test, never the value.
    pub(crate) fn describe(&self) -> String {
        let test = match self.test {
            Test::Equal(_) => "=",
            Test::Between(..) => "in a range",
            Test::StartsWith(_) => "starts with",
            Test::Contains(_) => "contains",
        };
        format!("{} {test}", self.reader.field)
    }
}

impl Test {
    fn folded(self, table: Option<u8>) -> Self {
        let fold =
            |text: String| table.map_or_else(|| text.clone(), |table| lower::fold(table, &text));
        match self {
            Self::StartsWith(text) => Self::StartsWith(fold(text)),
            Self::Contains(text) => Self::Contains(fold(text)),
            other => other,
        }
    }

    fn inside(&self, table: Option<u8>) -> Result<Option<ValueRange>, Error> {
        match self {
            Self::Equal(value) => {
                let bound = Bound::Included(value.clone());
                index_key::exact_bounds(bound.clone(), bound, table).map(Some)
            }
            Self::Between(lower, upper) => {
                index_key::exact_bounds(lower.clone(), upper.clone(), table).map(Some)
            }
            Self::StartsWith(_) | Self::Contains(_) => Ok(None),
        }
    }
}

/// The range of the texts that begin so.
fn starting_with(start: &str, table: Option<u8>) -> Bounds<'_> {
    let upper = match following(start, table) {
        Some(text) => Bound::Excluded(Scalar::Text(text.into())),
        None => Bound::Unbounded,
    };
    (Bound::Included(Scalar::Text(start.into())), upper)
}

/// The smallest text above all that begin with `start` and that folding leaves as it is, so that the bound stays above
/// them; `None` when there is none.
fn following(start: &str, table: Option<u8>) -> Option<String> {
    let mut kept = start.to_owned();
    while let Some(last) = kept.pop() {
        let next = (last..=char::MAX)
            .skip(1)
            .find(|next| is_folded(*next, table));
        if let Some(next) = next {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

fn is_folded(character: char, table: Option<u8>) -> bool {
    let text = character.to_string();
    table.is_none_or(|table| lower::fold(table, &text) == text)
}

#[cfg(test)]
mod tests {
    use super::following;
    use crate::format::lower::LATEST;

    #[test]
    fn what_follows_all_texts_that_begin_alike() {
        assert_eq!(following("ab", None).as_deref(), Some("ac"));
        assert_eq!(following("a\u{10FFFF}", None).as_deref(), Some("b"));
        assert_eq!(following("\u{D7FF}", None).as_deref(), Some("\u{E000}"));
        assert_eq!(following("\u{10FFFF}", None), None);
        assert_eq!(following("", None), None);
    }

    #[test]
    fn a_bound_that_folding_would_move_is_left_out() {
        // U+212A folds to `k`, which is far below.
        assert_eq!(
            following("\u{2129}", Some(LATEST)).as_deref(),
            Some("\u{212C}")
        );
        assert_eq!(following("@", Some(LATEST)).as_deref(), Some("["));
    }
}
