use std::{borrow::Cow, cmp::Ordering, ops::Bound};

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use smarterbase_core::{
    ErrorKind,
    document::{IndexSink, Scalar},
    format::index_key::{EncodedValue, IndexEncoder, ValueRange, encode_range, encode_value},
};

use crate::sample::{
    FOUR_COMPONENTS, ONE, SCOPED_UNIQUE, SPEC, THREE_COMPONENTS, TWO, UNIQUE, UNIQUE_LOWER,
};

fn encode(ordinal: u16, components: &[Scalar<'_>]) -> EncodedValue {
    encode_value(&SPEC, ordinal, components).unwrap().unwrap()
}

fn one(scalar: &Scalar<'_>) -> EncodedValue {
    encode(ONE, std::slice::from_ref(scalar))
}

fn hex(scalar: &Scalar<'_>) -> String {
    HEXLOWER.encode(&one(scalar).0)
}

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(text.into())
}

fn bytes(bytes: &[u8]) -> Scalar<'_> {
    Scalar::Bytes(bytes.into())
}

fn range(prefix: &[Scalar<'_>], lower: Bound<Scalar<'_>>, upper: Bound<Scalar<'_>>) -> ValueRange {
    let ordinal = if prefix.is_empty() { ONE } else { TWO };
    encode_range(&SPEC, ordinal, prefix, lower, upper).unwrap()
}

#[test]
fn every_kind_has_its_bytes() {
    let cases = [
        (Scalar::Null, "00"),
        (Scalar::Bool(false), "01"),
        (Scalar::Bool(true), "02"),
        (Scalar::Unsigned(0), "0380000000000000000000"),
        (Scalar::Float(-0.0), "0380000000000000000000"),
        (Scalar::Signed(1), "03bff00000000000000000"),
        (Scalar::Float(1.0), "03bff00000000000000000"),
        (Scalar::Signed(-1), "03400fffffffffffff0000"),
        (Scalar::Unsigned((1 << 53) + 1), "03c3400000000000000001"),
        (Scalar::Signed(i64::MAX), "03c3dfffffffffffff03ff"),
        (Scalar::Signed(i64::MIN), "033c1fffffffffffff0000"),
        (Scalar::Unsigned(u64::MAX), "03c3efffffffffffff07ff"),
        (text(""), "040000"),
        (text("pro"), "0470726f0000"),
        (text("a\0b"), "046100ff620000"),
        (bytes(&[0, 1, 255]), "0500ff01ff0000"),
        (
            Scalar::Uuid([0xab; 16]),
            "06abababababababababababababababab",
        ),
        (Scalar::Timestamp(0, 0), "07800000000000000000000000"),
        (
            Scalar::Timestamp(-1, 999_999_999),
            "077fffffffffffffff3b9ac9ff",
        ),
    ];
    for (scalar, expected) in cases {
        assert_eq!(hex(&scalar), expected, "{scalar:?}");
    }
}

#[test]
fn a_composite_is_its_components_in_a_row() {
    let value = encode(TWO, &[text("org"), Scalar::Unsigned(1)]);
    assert_eq!(
        HEXLOWER.encode(&value.0),
        "046f72670000".to_owned() + "03bff00000000000000000"
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused_and_name_the_field() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = encode_value(&SPEC, ONE, &[Scalar::Float(number)]).unwrap_err();
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Invalid, Some("a"))
        );
        let mut encoder = IndexEncoder::new(&SPEC);
        encoder.entry(ONE, &[Scalar::Float(number)]);
        encoder.entry(ONE, &[Scalar::Float(1.0)]);
        assert_eq!(encoder.finish().unwrap_err().field(), Some("a"));
        let bound = Bound::Included(Scalar::Float(number));
        let error = encode_range(&SPEC, ONE, &[], bound, Bound::Unbounded).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn the_entries_of_a_document_are_sorted_and_distinct() {
    let mut encoder = IndexEncoder::new(&SPEC);
    for tag in ["b", "a", "b", ""] {
        encoder.entry(ONE, &[text(tag)]);
    }
    encoder.entry(UNIQUE, &[text("x")]);
    let entries = encoder.finish().unwrap();
    assert_eq!(entries.values.len(), SPEC.indexes.len());
    assert_eq!(
        entries.values[usize::from(ONE)],
        ["", "a", "b"].map(|tag| one(&text(tag)))
    );
    assert_eq!(
        entries.values[usize::from(UNIQUE)],
        [encode(UNIQUE, &[text("x")])]
    );
    assert!(entries.values[usize::from(TWO)].is_empty());
}

#[test]
fn s25_a_long_text_keeps_its_start_and_ends_with_its_hash() {
    let long = "x".repeat(97);
    let value = one(&text(&long)).0;
    assert_eq!(value[0], 4);
    assert_eq!(&value[1..97], "x".repeat(96).as_bytes());
    assert_eq!(value[97..99], [0, 1]);
    // The first 16 bytes of sha256 of the whole component: 04, 97 times `x`, 00 00.
    assert_eq!(
        HEXLOWER.encode(&value[99..]),
        "9d9794db59a9977fc37ce3db1adbb897"
    );
    assert_eq!(one(&text(&long[..96])).0.len(), 1 + 96 + 2);
    assert_eq!(one(&bytes(long.as_bytes())).0[97..99], [0, 1]);
}

#[test]
fn s25_a_zero_byte_is_kept_whole_or_not_at_all() {
    let fits = format!("{}\0", "x".repeat(94));
    assert_eq!(one(&text(&fits)).0[95..], [0, 0xFF, 0, 0]);
    let split = format!("{}\0", "x".repeat(95));
    let value = one(&text(&split)).0;
    assert_eq!(value[96..98], [0, 1]);
    assert_eq!(value.len(), 1 + 95 + 2 + 16);
}

#[test]
fn s25_a_cut_sorts_between_the_end_and_every_longer_text() {
    let start = "x".repeat(95);
    let [exact, cut, zero, longer] = [
        start.clone(),
        format!("{start}\0\0"),
        format!("{start}\u{1}"),
        format!("{start}y"),
    ]
    .map(|content| one(&text(&content)));
    assert!(exact < cut && cut < zero && zero < longer);
}

#[test]
fn s25_two_long_texts_that_differ_late_are_two_values() {
    let [left, right] = ["a", "b"].map(|end| one(&text(&format!("{}{end}", "x".repeat(500)))));
    assert_ne!(left, right);
    assert_eq!(left.0[..97], right.0[..97]);
}

#[test]
fn s26_the_kept_bytes_shrink_with_the_number_of_components() {
    let long = "x".repeat(500);
    for (ordinal, count, kept) in [
        (ONE, 1, 96),
        (TWO, 2, 56),
        (THREE_COMPONENTS, 3, 31),
        (FOUR_COMPONENTS, 4, 18),
    ] {
        let value = encode(ordinal, &vec![text(&long); count]).0;
        assert_eq!(value.len(), count * (1 + kept + 2 + 16));
        assert!(value.len() <= 150);
        let fits = encode(ordinal, &vec![text(&long[..kept]); count]).0;
        assert_eq!(fits.len(), count * (1 + kept + 2));
    }
}

#[test]
fn s12_unique_values_are_never_cut() {
    let long = "x".repeat(500);
    assert_eq!(encode(UNIQUE, &[text(&long)]).0.len(), 1 + 500 + 2);
}

#[test]
fn s27_a_unique_value_with_a_null_component_is_not_claimed() {
    assert_eq!(encode_value(&SPEC, UNIQUE, &[Scalar::Null]).unwrap(), None);
    assert_eq!(
        encode_value(&SPEC, SCOPED_UNIQUE, &[Scalar::Uuid([1; 16]), Scalar::Null]).unwrap(),
        None
    );
    assert_eq!(
        encode_value(&SPEC, SCOPED_UNIQUE, &[Scalar::Null, text("a")]).unwrap(),
        None
    );
    assert!(
        encode_value(&SPEC, SCOPED_UNIQUE, &[Scalar::Uuid([1; 16]), text("")])
            .unwrap()
            .is_some()
    );
    let mut encoder = IndexEncoder::new(&SPEC);
    encoder.entry(UNIQUE, &[Scalar::Null]);
    encoder.entry(ONE, &[Scalar::Null]);
    let entries = encoder.finish().unwrap();
    assert!(entries.values[usize::from(UNIQUE)].is_empty());
    assert_eq!(entries.values[usize::from(ONE)], [one(&Scalar::Null)]);
}

#[test]
fn text_that_is_unique_in_lower_case_is_folded() {
    let [upper, lower] = ["ÄDA", "äda"].map(|name| encode(UNIQUE_LOWER, &[text(name)]));
    assert_eq!(upper, lower);
    assert_ne!(
        encode(UNIQUE, &[text("ADA")]),
        encode(UNIQUE, &[text("ada")])
    );
}

#[test]
fn the_full_range_holds_everything_and_a_one_sided_one_no_null() {
    let null = one(&Scalar::Null).0;
    let everything = range(&[], Bound::Unbounded, Bound::Unbounded);
    assert_eq!(
        (everything.lower.is_empty(), everything.upper.as_ref()),
        (true, None)
    );
    assert!(everything.contains(&null));
    for below in [Bound::Excluded(text("a")), Bound::Included(text("a"))] {
        let below = range(&[], Bound::Unbounded, below);
        assert!(!below.contains(&null));
        assert!(below.contains(&one(&Scalar::Bool(false)).0));
        assert!(below.contains(&one(&text("")).0));
    }
    let above = range(&[], Bound::Excluded(Scalar::Null), Bound::Unbounded);
    assert!(!above.contains(&null) && above.contains(&one(&Scalar::Bool(false)).0));
    let null_only = range(
        &[],
        Bound::Included(Scalar::Null),
        Bound::Included(Scalar::Null),
    );
    assert!(
        null_only.contains(&null)
            && null_only.exact
            && !null_only.contains(&one(&Scalar::Bool(false)).0)
    );
}

#[test]
fn a_prefix_holds_what_begins_with_it() {
    let org = text("org");
    let all = range(
        std::slice::from_ref(&org),
        Bound::Unbounded,
        Bound::Unbounded,
    );
    let inside =
        |first: &str, second: Scalar<'_>| all.contains(&encode(TWO, &[text(first), second]).0);
    assert!(
        inside("org", Scalar::Null)
            && inside("org", text(""))
            && inside("org", Scalar::Timestamp(i64::MAX, 0))
    );
    assert!(
        !inside("or", text("g")) && !inside("org2", Scalar::Null) && !inside("org\0", Scalar::Null)
    );
}

#[test]
fn a_range_is_exact_when_every_component_is_fixed_and_whole() {
    let fixed = |scalar: &Scalar<'static>| {
        (
            Bound::Included(scalar.clone()),
            Bound::Included(scalar.clone()),
        )
    };
    let (lower, upper) = fixed(&text("b"));
    assert!(range(&[], lower.clone(), upper.clone()).exact);
    assert!(range(&[text("a")], lower.clone(), upper.clone()).exact);
    assert!(!encode_range(&SPEC, TWO, &[], lower, upper).unwrap().exact);
    assert!(
        encode_range(&SPEC, ONE, &[text("b")], Bound::Unbounded, Bound::Unbounded)
            .unwrap()
            .exact
    );
    assert!(!range(&[text("a")], Bound::Unbounded, Bound::Unbounded).exact);
    assert!(!range(&[], Bound::Included(text("a")), Bound::Included(text("b"))).exact);
    let long = "x".repeat(200);
    let whole = encode_range(
        &SPEC,
        ONE,
        &[text(&long)],
        Bound::Unbounded,
        Bound::Unbounded,
    )
    .unwrap();
    assert!(whole.exact);
    assert_eq!(whole.lower, one(&text(&long)).0);
    let cut = range(
        &[],
        Bound::Included(text(&long)),
        Bound::Included(text(&long)),
    );
    assert!(!cut.exact && cut.contains(&one(&text(&long)).0));
}

#[test]
fn s25_bounds_over_the_limit_are_inclusive() {
    let long = "x".repeat(200);
    let value = one(&text(&long)).0;
    assert!(range(&[], Bound::Excluded(text(&long)), Bound::Unbounded).contains(&value));
    assert!(range(&[], Bound::Unbounded, Bound::Excluded(text(&long))).contains(&value));
}

/// A scalar of any kind that owns what it holds, with many near misses.
fn any_scalar() -> impl Strategy<Value = Scalar<'static>> {
    let edges = prop::sample::select(vec![
        0_i64,
        1 << 53,
        -(1 << 53),
        i64::MAX,
        i64::MIN,
        1 << 62,
        255,
        1 << 54,
    ]);
    let near = (edges, -3_i64..=3).prop_map(|(edge, step)| edge.saturating_add(step));
    let signed = prop_oneof![near.clone(), any::<i64>()];
    let unsigned = prop_oneof![
        near.prop_map(i64::cast_unsigned),
        any::<u64>(),
        (0_u64..4096).prop_map(|step| u64::MAX - step),
    ];
    let finite = prop_oneof![
        any::<f64>().prop_filter("finite", |f| f.is_finite()),
        signed.clone().prop_map(|number| number as f64),
        unsigned.clone().prop_map(|number| number as f64),
        Just(-0.0),
        Just(f64::MIN_POSITIVE),
        Just(-f64::MIN_POSITIVE / 2.0),
    ];
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        signed.prop_map(Scalar::Signed),
        unsigned.prop_map(Scalar::Unsigned),
        finite.prop_map(Scalar::Float),
        any_text().prop_map(|text| Scalar::Text(Cow::Owned(text))),
        prop::collection::vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..6)
            .prop_map(|bytes| Scalar::Bytes(Cow::Owned(bytes))),
        any::<[u8; 16]>().prop_map(Scalar::Uuid),
        (any::<i64>(), 0_u32..1_000_000_000)
            .prop_map(|(seconds, ns)| Scalar::Timestamp(seconds, ns)),
    ]
}

/// Texts that share beginnings, with zero bytes, below and over every limit.
fn any_text() -> impl Strategy<Value = String> {
    let start = (
        prop::sample::select(vec!["", "a", "é", "x"]),
        prop::sample::select(vec![0_usize, 1, 16, 17, 18, 30, 31, 55, 56, 94, 95, 96, 97]),
    );
    (start, "[\0\u{1}ab\u{7f}\u{ff}\u{10ffff}]{0,4}")
        .prop_map(|((unit, count), end)| unit.repeat(count) + &end)
}

fn kind(scalar: &Scalar<'_>) -> u8 {
    match scalar {
        Scalar::Null => 0,
        Scalar::Bool(false) => 1,
        Scalar::Bool(true) => 2,
        Scalar::Signed(_) | Scalar::Unsigned(_) | Scalar::Float(_) => 3,
        Scalar::Text(_) => 4,
        Scalar::Bytes(_) => 5,
        Scalar::Uuid(_) => 6,
        Scalar::Timestamp(..) => 7,
    }
}

/// The order of the values themselves, by other means than the encoding.
fn compare(left: &Scalar<'_>, right: &Scalar<'_>) -> Ordering {
    match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => left.cmp(right),
        (Scalar::Bytes(left), Scalar::Bytes(right)) => left.cmp(right),
        (Scalar::Uuid(left), Scalar::Uuid(right)) => left.cmp(right),
        (Scalar::Timestamp(s1, n1), Scalar::Timestamp(s2, n2)) => (s1, n1).cmp(&(s2, n2)),
        (left, right) if kind(left) == 3 && kind(right) == 3 => compare_numbers(left, right),
        (left, right) => kind(left).cmp(&kind(right)),
    }
}

fn compare_numbers(left: &Scalar<'_>, right: &Scalar<'_>) -> Ordering {
    match (left, right) {
        (Scalar::Float(left), Scalar::Float(right)) => left.partial_cmp(right).unwrap(),
        (Scalar::Float(float), integer) => compare_float(*float, integer_of(integer)),
        (integer, Scalar::Float(float)) => compare_float(*float, integer_of(integer)).reverse(),
        (left, right) => integer_of(left).cmp(&integer_of(right)),
    }
}

fn integer_of(scalar: &Scalar<'_>) -> i128 {
    match scalar {
        Scalar::Signed(number) => i128::from(*number),
        Scalar::Unsigned(number) => i128::from(*number),
        other => panic!("{other:?} is no integer"),
    }
}

/// Exact: the whole part as an integer, then what is behind the point.
fn compare_float(float: f64, integer: i128) -> Ordering {
    if float.abs() >= 2_f64.powi(100) {
        return float.partial_cmp(&0.0).unwrap();
    }
    let whole = float.floor() as i128;
    whole.cmp(&integer).then(if float.fract() == 0.0 {
        Ordering::Equal
    } else {
        Ordering::Greater
    })
}

/// How many bytes of the escaped content are kept where there are this many components.
fn is_cut(scalar: &Scalar<'_>, limit: usize) -> bool {
    let escaped =
        |content: &[u8]| content.len() + content.iter().filter(|byte| **byte == 0).count();
    match scalar {
        Scalar::Text(text) => escaped(text.as_bytes()) > limit,
        Scalar::Bytes(bytes) => escaped(bytes) > limit,
        _ => false,
    }
}

/// What two cut scalars must differ in for their order to be kept.
fn kept(scalar: &Scalar<'_>, limit: usize) -> Vec<u8> {
    let content = match scalar {
        Scalar::Text(text) => text.as_bytes(),
        Scalar::Bytes(bytes) => bytes,
        other => panic!("{other:?} has no content"),
    };
    let mut room = limit;
    content
        .iter()
        .take_while(|byte| {
            let size = if **byte == 0 { 2 } else { 1 };
            room.checked_sub(size).map(|left| room = left).is_some()
        })
        .copied()
        .collect()
}

fn same_cut(left: &Scalar<'_>, right: &Scalar<'_>, limit: usize) -> bool {
    kind(left) == kind(right)
        && is_cut(left, limit)
        && is_cut(right, limit)
        && kept(left, limit) == kept(right, limit)
}

fn is_inside(scalar: &Scalar<'_>, lower: &Bound<Scalar<'_>>, upper: &Bound<Scalar<'_>>) -> bool {
    let above = match lower {
        Bound::Unbounded => matches!(upper, Bound::Unbounded) || *scalar != Scalar::Null,
        Bound::Included(bound) => compare(scalar, bound).is_ge(),
        Bound::Excluded(bound) => compare(scalar, bound).is_gt(),
    };
    let below = match upper {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare(scalar, bound).is_le(),
        Bound::Excluded(bound) => compare(scalar, bound).is_lt(),
    };
    above && below
}

fn any_bound() -> impl Strategy<Value = Bound<Scalar<'static>>> {
    prop_oneof![
        1 => Just(Bound::Unbounded),
        3 => any_scalar().prop_map(Bound::Included),
        3 => any_scalar().prop_map(Bound::Excluded),
    ]
}

fn scalar_of<'a>(bound: &'a Bound<Scalar<'static>>) -> Option<&'a Scalar<'static>> {
    match bound {
        Bound::Included(scalar) | Bound::Excluded(scalar) => Some(scalar),
        Bound::Unbounded => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn s26_bytes_are_in_the_order_of_the_values_outside_the_cut(left in any_scalar(), right in any_scalar()) {
        if same_cut(&left, &right, 96) {
            prop_assert_eq!(left == right, one(&left) == one(&right));
        } else {
            prop_assert_eq!(one(&left).cmp(&one(&right)), compare(&left, &right));
        }
    }

    #[test]
    fn unique_values_are_in_order_without_exception(left in any_text(), right in any_text()) {
        let [encoded_left, encoded_right] = [&left, &right].map(|content| encode(UNIQUE, &[text(content)]));
        prop_assert_eq!(encoded_left.cmp(&encoded_right), left.cmp(&right));
    }

    #[test]
    fn composites_are_in_the_order_of_their_components(
        left in prop::array::uniform3(any_scalar()), right in prop::array::uniform3(any_scalar()),
    ) {
        let expected = left.iter().zip(&right).map(|(l, r)| {
            if same_cut(l, r, 31) && l != r { None } else { Some(compare(l, r)) }
        }).find(|order| *order != Some(Ordering::Equal));
        let actual = encode(THREE_COMPONENTS, &left).cmp(&encode(THREE_COMPONENTS, &right));
        match expected {
            None => prop_assert_eq!(actual, Ordering::Equal),
            Some(Some(order)) => prop_assert_eq!(actual, order),
            Some(None) => prop_assert_ne!(actual, Ordering::Equal),
        }
    }

    #[test]
    fn no_value_is_the_beginning_of_another_one(left in any_scalar(), right in any_scalar()) {
        let [left, right] = [one(&left), one(&right)];
        prop_assert!(left == right || !right.0.starts_with(&left.0));
    }

    #[test]
    fn every_value_fits_into_a_name(scalars in prop::array::uniform4(any_scalar())) {
        for (ordinal, count) in [(ONE, 1), (TWO, 2), (THREE_COMPONENTS, 3), (FOUR_COMPONENTS, 4)] {
            prop_assert!(encode(ordinal, &scalars[..count]).0.len() <= 150);
        }
    }

    #[test]
    fn a_range_holds_exactly_the_values_between_its_bounds(
        scalar in any_scalar(), lower in any_bound(), upper in any_bound(), pick in 0_u8..4, first in any_scalar(), other in any_scalar(),
    ) {
        // Random values rarely meet a bound; half of the time one of the bounds is the value.
        let scalar = match pick {
            0 => scalar_of(&lower).cloned().unwrap_or(scalar),
            1 => scalar_of(&upper).cloned().unwrap_or(scalar),
            _ => scalar,
        };
        for (prefix, limit) in [(&[][..], 96), (std::slice::from_ref(&first), 56)] {
            let range = range(prefix, lower.clone(), upper.clone());
            let ordinal = if prefix.is_empty() { ONE } else { TWO };
            let value = encode(ordinal, &[prefix, std::slice::from_ref(&scalar)].concat()).0;
            let expected = is_inside(&scalar, &lower, &upper);
            let near_cut = [&lower, &upper].into_iter().filter_map(scalar_of).any(|bound| is_cut(bound, limit));
            if near_cut {
                prop_assert!(range.contains(&value) || !expected, "a value inside is missing");
            } else {
                prop_assert_eq!(range.contains(&value), expected);
            }
            if range.exact {
                prop_assert_eq!(range.contains(&value), value == range.lower);
            }
            let elsewhere = encode(TWO, &[other.clone(), scalar.clone()]).0;
            if !prefix.is_empty() && compare(&other, &first).is_ne() && !same_cut(&other, &first, 56) {
                prop_assert!(!range.contains(&elsewhere));
            }
        }
    }

    #[test]
    fn s25_a_cut_bound_adds_only_what_shares_its_kept_bytes(scalar in any_text(), bound in any_text()) {
        let (scalar, bound) = (text(&scalar), text(&bound));
        let value = one(&scalar).0;
        if range(&[], Bound::Included(bound.clone()), Bound::Unbounded).contains(&value) {
            let starts = is_cut(&bound, 96) && kept(&scalar, 1000).starts_with(&kept(&bound, 96));
            prop_assert!(compare(&scalar, &bound).is_ge() || starts);
        }
    }
}
