use proptest::prelude::*;
use smarterbase_core::{
    document::{KeyText, Scalar},
    format::{
        Key, Nonce,
        entry::{self, EntryName, Tag},
        index_key::{EncodedValue, encode_value},
        path::{self, EncodedId},
    },
};

use crate::sample::{ONE, SPEC, nonce};

const INDEX: &str = "plan-1f0c9a2b";

fn value(text: &str) -> EncodedValue {
    encode_value(&SPEC, ONE, &[Scalar::Text(text.into())])
        .unwrap()
        .unwrap()
}

fn name(text: &str, id: &str, base: u64, write: Nonce) -> EntryName {
    EntryName {
        value: value(text),
        id: EncodedId::encode(&KeyText(id.into())).unwrap(),
        tag: Tag::new(base, write, &value(text)),
    }
}

fn key(name: &EntryName) -> Key {
    name.key("users", INDEX)
}

fn parse(key: &str) -> Option<EntryName> {
    EntryName::parse(&path::entries("users", INDEX), &Key::from_stored(key))
}

#[test]
fn a_name_is_value_id_and_tag() {
    // base32hex of 04 70 72 6f 00 00; sha256 of these bytes begins with 0d16d43d.
    let name = name("pro", "Ada", 4, nonce('4'));
    assert_eq!(
        key(&name).as_str(),
        "_index/users/plan-1f0c9a2b/0ho74ro000/%41da.json!4-44444444444444444444-0d16d43d"
    );
    assert_eq!(parse(key(&name).as_str()), Some(name));
}

#[test]
fn s14_a_tag_belongs_to_its_value_only() {
    let tag = Tag::new(4, nonce('4'), &value("pro"));
    assert!(tag.matches(&value("pro")));
    assert!(!tag.matches(&value("free")));
    assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
}

#[test]
fn s14_an_entry_whose_tag_is_of_another_value_is_no_entry() {
    let mut wrong = name("pro", "ada", 4, nonce('4'));
    wrong.tag = Tag::new(4, nonce('4'), &value("free"));
    assert_eq!(parse(key(&wrong).as_str()), None);
}

#[test]
fn tags_are_read_only_as_they_are_written() {
    let tag = Tag::new(4, nonce('4'), &value("pro")).to_string();
    assert!(Tag::parse(&tag).is_some());
    for wrong in [
        "",
        "4",
        "4-",
        "--",
        &tag[1..],
        &tag[..tag.len() - 1],
        &format!("0{tag}"),
        &format!("+{tag}"),
        &format!("{tag}0"),
        &tag.to_uppercase(),
        &tag.replacen("44444444444444444444", "4444444444444444444z", 1),
        &format!("{tag}-1"),
        "18446744073709551616-44444444444444444444-00000000",
    ] {
        assert_eq!(Tag::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn names_that_no_entry_has_are_not_read() {
    let good = key(&name("pro", "ada", 4, nonce('4')));
    let good = good.as_str();
    assert!(parse(good).is_some());
    for wrong in [
        good.replace("0ho74ro000", "0HO74RO000"),
        good.replace("0ho74ro000", "0ho74ro001"),
        good.replace("0ho74ro000", "0ho74ro00"),
        good.replace("0ho74ro000", ""),
        good.replace("/ada", "/a/ada"),
        good.replace("ada", "Ada"),
        good.replace(".json!", ".json"),
        good.replace(INDEX, "plan-00000000"),
        good.replace("users", "orders"),
    ] {
        assert_ne!(wrong, good);
        assert_eq!(parse(&wrong), None, "{wrong}");
    }
}

#[test]
fn the_longest_name_fits_into_a_file_system() {
    let id = "x".repeat(EncodedId::LONGEST);
    let longest = name(&"x".repeat(500), &id, 10_u64.pow(19) - 1, nonce('4'));
    let segments: Vec<usize> = key(&longest).as_str().split('/').map(str::len).collect();
    assert!(segments.iter().all(|length| *length <= 255), "{segments:?}");
    assert!(segments[3] <= 240);
}

fn any_id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._!/~ -]{1,6}(.json)?".prop_filter("an id", |id| {
        EncodedId::encode(&KeyText(id.clone())).is_ok()
    })
}

proptest! {
    #[test]
    fn s22_the_order_of_names_is_the_order_of_value_and_id(
        (left, right) in ("[ab\0]{0,3}", "[ab\0]{0,3}"), (id_left, id_right) in (any_id(), any_id()), bases in any::<(u64, u64)>(),
    ) {
        let left = name(&left, &id_left, bases.0, nonce('1'));
        let right = name(&right, &id_right, bases.1, nonce('2'));
        let file = |name: &EntryName| format!("{}.json", name.id);
        let expected = (&left.value, file(&left)).cmp(&(&right.value, file(&right)));
        let actual = key(&left).cmp(&key(&right));
        prop_assert!(expected.is_eq() || actual == expected);
        prop_assert_eq!(parse(key(&left).as_str()), Some(left));
    }

    #[test]
    fn seeking_a_value_starts_before_it_and_after_all_smaller_ones(
        stored in prop::collection::vec(any::<u8>(), 1..12), sought in prop::collection::vec(any::<u8>(), 0..12),
        share in 0_usize..12,
    ) {
        let mut sought = sought;
        for (to, from) in sought.iter_mut().zip(&stored).take(share) { *to = *from; }
        let prefix = path::entries("users", INDEX);
        let entry = EntryName { value: EncodedValue(stored.clone().into()), ..name("", "a", 0, nonce('1')) };
        let after = key(&entry) > entry::seek(&prefix, &sought);
        prop_assert_eq!(after, stored >= sought);
        prop_assert!(key(&entry).as_str().starts_with(entry::folder(&prefix, &stored).as_str()));
    }
}
