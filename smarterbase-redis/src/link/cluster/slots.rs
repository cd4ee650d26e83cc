//! Which node owns which slots.

use std::{collections::BTreeSet, sync::Arc};

use redis::{FromRedisValue, Value};

use super::Node;
use crate::slot::SLOTS;

/// How many nodes a cluster has at most: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
const NODES: usize = 1_000;

/// A range of slots with one owner, as a node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    first: u16,
    last: u16,
    host: String,
    port: u16,
}

/// The ranges and their owners.
#[derive(Default)]
pub(super) struct SlotMap {
    /// In order, and apart.
    ranges: Vec<Range>,
    nodes: Vec<Arc<Node>>,
}

struct Range {
    first: u16,
    last: u16,
    owner: Arc<Node>,
}

impl SlotMap {
    /// The map of these ranges; one whose owner is not among the nodes is left out.
    pub(super) fn new(owned: &[Owned], nodes: Vec<Arc<Node>>) -> Self {
        let owner = |host: &str, port: u16| {
            let address = format!("{host}:{port}");
            nodes.iter().find(|node| node.address() == address).cloned()
        };
        let ranges = owned.iter().filter_map(|owned| {
            Some(Range {
                first: owned.first,
                last: owned.last,
                owner: owner(&owned.host, owned.port)?,
            })
        });
        let mut ranges: Vec<Range> = ranges.collect();
        ranges.sort_by_key(|range| range.first);
        Self { ranges, nodes }
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        let after = self.ranges.partition_point(|range| range.first <= slot);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= range.last).then_some(&range.owner)
    }

    /// The owners; before there was a map, the seeds.
    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Whether nobody told yet who owns what.
    pub(super) fn is_unknown(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every slot has an owner.
    pub(super) fn is_covered(&self) -> bool {
        let lengths = self.ranges.iter().map(|range| range.last - range.first + 1);
        let covered: u32 = lengths.map(u32::from).sum();
        covered == u32::from(SLOTS)
    }

    /// Whether every slot has an owner that is connected.
    pub(super) fn is_whole(&self) -> bool {
        self.is_covered() && self.nodes.iter().all(|node| node.is_connected())
    }

    /// Whether the same nodes own the same slots.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let plain = |range: &Range| (range.first, range.last, range.owner.address().to_owned());
        let (these, those) = (self.ranges.iter(), other.ranges.iter());
        these.map(plain).eq(those.map(plain))
    }
}

/// The owners, each once.
pub(super) fn addresses(owned: &[Owned]) -> Vec<(&str, u16)> {
    let owners = owned.iter().map(|owned| (owned.host.as_str(), owned.port));
    let each: BTreeSet<_> = owners.collect();
    each.into_iter().take(NODES).collect()
}

/// Reads the answer to `CLUSTER SLOTS` of the node at the host `asked`. What cannot be read has no owner.
pub(super) fn parse(answer: Value, asked: &str) -> Vec<Owned> {
    let ranges = items(answer).into_iter().take(usize::from(SLOTS));
    ranges
        .filter_map(|range| parse_range(range, asked))
        .collect()
}

/// First slot, last slot, the primary, and its replicas.
fn parse_range(range: Value, asked: &str) -> Option<Owned> {
    let mut parts = items(range).into_iter();
    let first = number(parts.next()?)?;
    let last = number(parts.next()?)?;
    let mut primary = items(parts.next()?).into_iter();
    let host = Option::<String>::from_redis_value(primary.next()?).ok()?;
    let port = number(primary.next()?)?;
    // A node that does not know its own name leaves it out, and `?` is one that nobody may know.
    let host = host
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| asked.to_owned());
    let is_usable = first <= last && last < SLOTS && host != "?";
    is_usable.then_some(Owned {
        first,
        last,
        host,
        port,
    })
}

/// The client would cut off what is too large.
fn number(value: Value) -> Option<u16> {
    u16::try_from(i64::from_redis_value(value).ok()?).ok()
}

fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::{Owned, addresses, parse};

    /// A reply with blanks in the place of line ends.
    fn answer(text: &str) -> Value {
        parse_redis_value(text.replace(' ', "\r\n").as_bytes()).unwrap()
    }

    fn owned(first: u16, last: u16, host: &str, port: u16) -> Owned {
        Owned {
            first,
            last,
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn ranges_name_their_primary() {
        let first = "*4 :0 :5460 *3 $3 one :7000 $1 a *3 $3 two :7001 $1 b";
        let second = "*3 :5461 :16383 *3 $3 two :7001 $1 b ";
        let ranges = parse(answer(&format!("*2 {first} {second}")), "asked");
        let expected = [
            owned(0, 5_460, "one", 7_000),
            owned(5_461, 16_383, "two", 7_001),
        ];
        assert_eq!(ranges, expected);
        assert_eq!(addresses(&ranges), [("one", 7_000), ("two", 7_001)]);
    }

    #[test]
    fn a_node_without_a_name_is_the_one_that_was_asked() {
        for host in ["$-1", "$0 "] {
            let text = format!("*1 *3 :0 :16383 *3 {host} :7000 $1 a ");
            let ranges = parse(answer(&text), "asked");
            assert_eq!(ranges, [owned(0, 16_383, "asked", 7_000)]);
        }
    }

    #[test]
    fn what_is_no_range_is_left_out() {
        for text in [
            ":1 ",
            "*0 ",
            "*1 *0 ",
            "*1 *3 :5 :4 *3 $3 one :7000 $1 a ",
            "*1 *3 :0 :16384 *3 $3 one :7000 $1 a ",
            "*1 *3 :0 :9 *3 $1 ? :7000 $1 a ",
            "*1 *3 :0 :9 *3 $3 one :70000 $1 a ",
            "*1 *2 :0 :9 ",
        ] {
            assert_eq!(parse(answer(text), "asked"), [], "{text}");
        }
    }
}
