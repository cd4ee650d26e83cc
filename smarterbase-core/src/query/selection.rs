//! What is selected: a condition, and an order in which every document that meets it has one place.

use sha2::{Digest, Sha256};

use super::{comparison::Reader, condition::Condition, range::IndexRange};
use crate::{
    document::Document,
    error::Result,
    format::{
        index_key::{self, EncodedValue},
        path::EncodedId,
    },
    operation::outage::Fallback,
};

/// The documents that a query asks for, and their order.
pub(crate) struct Selection<'a, T> {
    pub(crate) condition: Condition<'a, T>,
    pub(crate) order: By<T>,
    pub(crate) descending: bool,
    /// How many documents may be read that do not come in order; `None`: as many as the limits say.
    pub(crate) budget: Option<usize>,
    /// What is done while no index answers; `None`: as the database says.
    pub(crate) fallback: Option<Fallback>,
}

/// What documents are ordered by before their ids.
pub(crate) enum By<T> {
    /// Nothing.
    Id,
    /// The first of their values that lies in a range of one definition. Others are not selected.
    Entry(IndexRange),
    /// One field.
    Field(Reader<T>),
}

/// A place in the order of a selection: by (value, id). The value is empty where the order is by id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) value: EncodedValue,
    pub(crate) id: EncodedId,
}

impl<'a, T: Document> Selection<'a, T> {
    /// What meets the condition, by id.
    pub(crate) fn by_id(condition: Condition<'a, T>) -> Self {
        Self::ordered(condition, By::Id)
    }

    /// What has a value in the range, by that value.
    pub(crate) fn by_entry(range: IndexRange) -> Self {
        Self::ordered(Condition::All, By::Entry(range))
    }

    fn ordered(condition: Condition<'a, T>, order: By<T>) -> Self {
        Self {
            condition,
            order,
            descending: false,
            budget: None,
            fallback: None,
        }
    }

    /// The same, and this condition as well.
    pub(crate) fn and(mut self, condition: Condition<'a, T>) -> Self {
        self.condition = self.condition.and(condition);
        self
    }

    /// The same documents in the order of a field.
    pub(crate) fn ordered_by(mut self, reader: Reader<T>, descending: bool) -> Self {
        let order = std::mem::replace(&mut self.order, By::Field(reader));
        if let By::Entry(range) = order {
            self.condition = Condition::Entries(range).and(self.condition);
        }
        self.descending = descending;
        self
    }

    /// Where a document stands in the selection's order; `None` when it does not match.
    pub(crate) fn place(&self, document: &T, id: &EncodedId) -> Result<Option<Place>> {
        if !self.condition.holds(document)? {
            return Ok(None);
        }
        let value = match &self.order {
            By::Id => Some(EncodedValue(bytes::Bytes::new())),
            By::Entry(range) => range.first_value(document, self.descending)?,
            By::Field(reader) => Some(sort_value(reader, document)?),
        };
        Ok(value.map(|value| Place {
            value,
            id: id.clone(),
        }))
    }

    /// As in explanations: never a value.
    pub(crate) fn describe(&self) -> String {
        let order = match &self.order {
            By::Id => "id".to_owned(),
            By::Entry(range) => range.describe(),
            By::Field(reader) => reader.field.to_owned(),
        };
        let direction = if self.descending { ", descending" } else { "" };
        format!("{}, by {order}{direction}", self.condition.describe())
    }

    /// Whether the order is that of ids, from the smallest up: then a scan begins behind a cursor and may end early.
    pub(crate) fn is_in_id_order(&self) -> bool {
        let has_one_value = match &self.order {
            By::Id => true,
            By::Entry(range) => range.is_one_value(),
            By::Field(_) => false,
        };
        has_one_value && !self.descending
    }

    /// What a cursor must have been made by: 8 bytes of a hash of the selection.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(T::SPEC.collection);
        hash.update([0, u8::from(self.descending)]);
        if let By::Entry(range) = &self.order {
            range.hash_into(&mut hash);
        }
        if !self.condition.is_all() {
            self.condition.hash_into(&mut hash);
        }
        let digest = hash.finalize();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        short
    }

    /// Whether `left` comes before `right` in the walk.
    pub(crate) fn precedes(&self, left: &Place, right: &Place) -> bool {
        if self.descending {
            right.sort_key() < left.sort_key()
        } else {
            left.sort_key() < right.sort_key()
        }
    }
}

fn sort_value<T: Document>(reader: &Reader<T>, document: &T) -> Result<EncodedValue> {
    let value = index_key::sort_value(&reader.scalar(document), reader.lower);
    value.map_err(|error| error.on_field(reader.field))
}

impl Place {
    /// Value, then the bytes of `<encoded id>.json` (rule S22).
    pub(crate) fn sort_key(&self) -> (EncodedValue, String) {
        (self.value.clone(), format!("{}.json", self.id))
    }
}
