use serde_json::json;

use super::*;

fn ty(text: Value) -> StoredType {
    serde_json::from_value(text).expect("a type")
}

fn path(ty: &StoredType, value: &Value) -> Option<String> {
    fits(ty, value).err().map(|misfit| misfit.path)
}

#[test]
fn a_value_fits_its_type_and_the_path_of_a_misfit_is_told() {
    let address = json!({"embedded": "Address", "version": 2, "form": "struct",
        "parts": [["city", "String"], ["zip", {"of": "Option", "with": ["u32"]}]]});
    let list = ty(json!({"of": "Vec", "with": [address]}));
    assert_eq!(
        fits(
            &list,
            &json!([{"city": "Ulm"}, {"city": "Bonn", "zip": 53111}])
        ),
        Ok(())
    );
    assert_eq!(
        path(&list, &json!([{"city": "Ulm", "zip": -1}])).as_deref(),
        Some("[0].zip")
    );
    assert_eq!(
        path(&list, &json!([{"city": "Ulm"}, {}])).as_deref(),
        Some("[1].city")
    );
    assert_eq!(
        path(&list, &json!([{"city": "Ulm", "town": 1}])).as_deref(),
        Some("[0]")
    );
    assert_eq!(path(&list, &json!("Ulm")).as_deref(), Some(""));
}

#[test]
fn numbers_keep_to_their_ranges() {
    let leaf = |name: &str| StoredType::Leaf(name.to_owned());
    for (name, good, bad) in [
        ("u8", json!(255), json!(256)),
        ("i8", json!(-128), json!(-129)),
        ("u64", json!(u64::MAX), json!(-1)),
        ("f64", json!(1), json!("1")),
        ("NonZeroU8", json!(1), json!(0)),
        ("char", json!("ß"), json!("ss")),
        ("bool", json!(true), json!(1)),
        (
            "Timestamp",
            json!("2026-11-20T14:52:11Z"),
            json!("yesterday"),
        ),
        ("()", json!(null), json!(0)),
    ] {
        assert_eq!(fits(&leaf(name), &good), Ok(()), "{name}");
        assert!(fits(&leaf(name), &bad).is_err(), "{name}");
    }
    assert!(fits(&leaf("Quaternion"), &json!(1)).is_err());
    assert_eq!(fits(&leaf("opaque"), &json!({"any": 1})), Ok(()));
}

#[test]
fn the_variants_of_an_enum_fit_in_the_way_that_it_is_written() {
    let parts = json!([["free", "()"], ["team", {"members": [["seats", "u8"]]}]]);
    let of = |form: &str| {
        ty(
            json!({"embedded": "Plan", "version": 1, "form": form, "tag": "kind",
        "content": "data", "parts": parts}),
        )
    };
    for (form, good, bad) in [
        (
            "enum",
            json!(["free", {"team": {"seats": 3}}]),
            json!(["team", "pro", {"team": {"seats": 300}}, 1]),
        ),
        (
            "tagged",
            json!([{"kind": "free"}, {"kind": "team", "seats": 3}]),
            json!([{"kind": "team"}, {"seats": 3}, {"kind": "free", "seats": 3}, "free"]),
        ),
        (
            "adjacent",
            json!([{"kind": "free"}, {"kind": "team", "data": {"seats": 3}}]),
            json!([{"kind": "team"}, {"kind": "pro"}, {"kind": "free", "seats": 3}]),
        ),
        (
            "untagged",
            json!([null, {"seats": 3}]),
            json!(["free", {"seats": 300}]),
        ),
        ("of-tomorrow", json!([]), json!(["free", null])),
    ] {
        let ty = of(form);
        for value in good.as_array().unwrap() {
            assert_eq!(fits(&ty, value), Ok(()), "{form} {value}");
        }
        for value in bad.as_array().unwrap() {
            assert!(fits(&ty, value).is_err(), "{form} {value}");
        }
    }
}

#[test]
fn the_keys_of_a_map_are_text_or_numbers() {
    let by_number = ty(json!({"of": "Map", "with": ["u16", "bool"]}));
    assert_eq!(fits(&by_number, &json!({"1": true})), Ok(()));
    assert!(fits(&by_number, &json!({"one": true})).is_err());
    assert_eq!(path(&by_number, &json!({"1": 1})).as_deref(), Some(".*"));
}
