//! Asking a database what its documents give rise to, and comparing with a plain evaluation.

use smarterbase_core::{
    Result,
    db::{Db, FindMany, FindOne},
    document::{Document, DocumentKey, IndexSpec, Scalar, Stored},
    format::path::EncodedId,
};

use super::census::{Census, Resident};

/// The questions about one definition.
pub(super) struct Asked {
    name: &'static str,
    ordinal: u16,
}

impl Asked {
    pub(super) fn new(index: &IndexSpec, ordinal: usize) -> Self {
        Self {
            name: index.name,
            ordinal: u16::try_from(ordinal).expect("few definitions"),
        }
    }

    /// Every unique value finds its holder.
    pub(super) async fn uniques<T: Document>(
        &self,
        db: &Db,
        census: &Census<T>,
        found: &mut Vec<String>,
    ) {
        // A key with a `None` in it is never claimed, so it finds nobody (rule S27).
        let claimed = |value: &Vec<Scalar<'static>>| !value.contains(&Scalar::Null);
        for value in self.values(census).into_iter().filter(claimed) {
            let answer = FindOne::<T>::new(db.into(), self.ordinal, &value).await;
            let answer = answer.map(|document| document.into_iter().collect());
            let holders = self.holders(census, &value);
            self.compare(answer, holders, found);
        }
    }

    /// Every value finds its documents, in the order of ids.
    pub(super) async fn equals<T: Document>(
        &self,
        db: &Db,
        census: &Census<T>,
        found: &mut Vec<String>,
    ) {
        for value in self.values(census) {
            let answer = FindMany::<T>::new(db.into(), self.ordinal, &value, None).await;
            self.compare(answer, self.holders(census, &value), found);
        }
    }

    /// The whole index finds every document that has a value, once, in the order of its first value.
    pub(super) async fn everything<T: Document>(
        &self,
        db: &Db,
        census: &Census<T>,
        found: &mut Vec<String>,
    ) {
        let answer = FindMany::<T>::new(db.into(), self.ordinal, &[], None).await;
        let ordinal = usize::from(self.ordinal);
        let mut expected: Vec<_> = census
            .live()
            .filter_map(|resident| Some((resident.values.values[ordinal].first()?, resident)))
            .collect();
        // The census is in the order of ids, and the sort is stable.
        expected.sort_by_key(|(value, _)| (*value).clone());
        let expected = expected
            .iter()
            .map(|(_, resident)| resident.id.clone())
            .collect();
        self.compare(answer, expected, found);
    }

    fn values<T>(&self, census: &Census<T>) -> Vec<Vec<Scalar<'static>>> {
        let mut values: Vec<Vec<Scalar<'static>>> = Vec::new();
        for (_, value) in census.live().flat_map(|resident| self.of(resident)) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        values
    }

    fn holders<T>(&self, census: &Census<T>, wanted: &[Scalar<'static>]) -> Vec<EncodedId> {
        let holds = |resident: &&Resident<T>| self.of(resident).any(|(_, value)| value == wanted);
        census
            .live()
            .filter(holds)
            .map(|resident| resident.id.clone())
            .collect()
    }

    fn of<'a, T>(
        &self,
        resident: &'a Resident<T>,
    ) -> impl Iterator<Item = &'a (u16, Vec<Scalar<'static>>)> + use<'a, T> {
        let ordinal = self.ordinal;
        resident
            .components
            .iter()
            .filter(move |(of, _)| *of == ordinal)
    }

    fn compare<T: Document>(
        &self,
        answer: Result<Vec<Stored<T>>>,
        expected: Vec<EncodedId>,
        found: &mut Vec<String>,
    ) {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        match answer {
            Err(error) => found.push(format!("a query of {} failed: {error}", self.name)),
            Ok(documents) => {
                let answered: Vec<String> = documents.iter().map(id).collect();
                if answered != expected {
                    found.push(format!(
                        "invariants 2 and 3: a query of {} gave {answered:?} instead of {expected:?}",
                        self.name
                    ));
                }
            }
        }
    }
}

fn id<T: Document>(document: &Stored<T>) -> String {
    let id = EncodedId::encode(&document.key().to_text()).expect("an id that was stored");
    id.to_string()
}
