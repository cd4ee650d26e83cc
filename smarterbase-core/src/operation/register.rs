//! A register: one small document of the database's own that is changed by compare-and-swap. Counters and sequences are
//! registers.
//!
//! Those of one process who want to change a register at the same time stand in one line (`line`), and one put carries out
//! all of their wishes. Every one of them is answered after the put is durable.

pub(crate) mod audit;
pub(crate) mod document;
mod line;
mod shift;

pub(crate) use document::{Sight, Swap};
pub(crate) use line::{Line, Lines};

use bytes::Bytes;

use crate::{
    error::{Code, Error, Result},
    format::{
        Key, Prefix,
        path::{self, EncodedId},
    },
    operation::{Engine, engine::store_failure},
};

/// What a register is for.
pub(crate) trait Register: Sized + std::fmt::Debug + Send + Sync + 'static {
    /// The body of its document.
    type Content: Clone + Default + PartialEq + Send + Sync + std::fmt::Debug;
    /// What somebody wants of it.
    type Wish: Send + std::fmt::Debug;
    /// What they get.
    type Answer: Send + std::fmt::Debug;
    /// What the process keeps for the wishes to come.
    type Stock: Clone + Default + Send + std::fmt::Debug;

    /// Where errors say that it is.
    const PLACE: &'static str;

    fn key(name: &EncodedId) -> Key;

    fn open(body: &[u8]) -> Result<Self::Content>;

    fn body(content: &Self::Content) -> Bytes;

    /// What the wishes come to, one after the other, over what is stored and what is in stock.
    fn plan<'a>(
        content: &Self::Content,
        stock: &Self::Stock,
        wishes: impl Iterator<Item = &'a Self::Wish>,
    ) -> Plan<Self>
    where
        Self::Wish: 'a;

    /// The error of wishes whose put has an outcome that nobody knows.
    fn unknown(error: &Error) -> Error {
        error.repeated()
    }
}

/// What wishes come to.
#[derive(Debug)]
pub(crate) struct Plan<R: Register> {
    /// One for each wish.
    pub(crate) answers: Vec<Result<R::Answer>>,
    /// What is to be stored.
    pub(crate) content: R::Content,
    pub(crate) stock: R::Stock,
    /// Whether the answers say something of what is stored, although nothing is to be stored.
    pub(crate) depends_on_content: bool,
}

/// The name of a register as it stands in its path.
pub(crate) fn encode_name<R: Register>(name: &str) -> Result<EncodedId> {
    let text = crate::document::KeyText(name.to_owned());
    EncodedId::encode(&text).map_err(|error| error.in_collection(R::PLACE))
}

/// Why a name cannot be used.
pub(crate) fn unusable<R: Register>(name: &str) -> Error {
    let usable = || Error::new(Code::INVALID_ID, "the name cannot be used");
    encode_name::<R>(name).err().unwrap_or_else(usable)
}

/// Adds which register an error is about.
pub(crate) fn at<R: Register>(name: &EncodedId, error: Error) -> Error {
    error.at(R::PLACE, name.as_str())
}

/// How many documents one LIST gives.
const PAGE: usize = 1_000;

/// The names of the registers below a prefix, one page of them, and where the next page begins.
pub(crate) async fn names(
    engine: &Engine,
    prefix: &Prefix,
    after: Option<&Key>,
) -> Result<(Vec<EncodedId>, Option<Key>)> {
    let page = engine.store.list(prefix, after, PAGE).await;
    let page = page.map_err(store_failure)?;
    let last = page.objects.last().map(|listed| listed.key.clone());
    let names = page.objects.iter();
    let names = names.filter_map(|listed| path::parse_named(prefix, &listed.key));
    Ok((names.collect(), last.filter(|_| page.has_more)))
}
