//! Committed bytes of format 1: they stay readable and come out the same, for ever.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use smarterbase_core::{
    ErrorKind,
    document::{IndexKind, KeyText},
    format::{
        Envelope,
        cascade::Begun,
        catalog::{Builder, Catalog, Entry, Placement, State as CatalogState},
        claim::{self, Claim},
        cursor::{CursorKeys, Position},
        database::{Database, ProbeCheck, ProbeReport},
        definition::define,
        entry::{EntryName, Tag},
        envelope::{self, BodyShape, Past, State},
        import::ImportCheckpoint,
        index_key::EncodedValue,
        path::{self, EncodedId},
        quarantine::{self, Quarantined},
        schema::{PublishedSchema, UntypedFacts},
        stored_type::{Form, StoredType},
    },
    migration::Versions,
};

use crate::{
    sample::{SPEC, UNIQUE, envelope, nonce, past},
    values,
};

/// Every fixture and its sha256. A line changes only together with the number of the format.
const FROZEN: &[(&str, &str)] = &[
    (
        "catalog-builder.json",
        "2844e287a3d92d99b0b322393ea9f7c0778c738f87b8746fb9c50c610e71d8f8",
    ),
    (
        "catalog-embedded.json",
        "e9dcfc0f978a4520815b31daf0c7f12d781417510a1c0ebe0413e1953365f2a8",
    ),
    (
        "catalog-newer.json",
        "e9e3ec07bd7d961942008738aef5d6fabd0507bfabcfba1521d34c0417a68004",
    ),
    (
        "catalog.json",
        "7598be2b0392ff883095dca876c35be903681a3da7bd26a07e3bf71eec258cff",
    ),
    (
        "claim-held.json",
        "92be09d4d60ce33614582962c7e65c26ca67d7cd11f378c97e41b3642c23508b",
    ),
    (
        "claim-released.json",
        "8a848c7b60f80ea0d658dbc6026794ce767047689eb208198d3327214d1ae5b9",
    ),
    (
        "claims.txt",
        "781f3166dadfa88d8a94865e151db7e83fea4988e7bb7c77fafe7aada67aa2ee",
    ),
    (
        "cascade.json",
        "da99aabbac77041672eafccb8e38528dfe28a37ac41322e78349cdf7f4dd6d10",
    ),
    (
        "counter.json",
        "ccbaed4394b3ce30f5604a61da3bd4c9b43ed96a0a9679457d5bcd89563f5cbd",
    ),
    (
        "cursor-keys.json",
        "3b02df10ea1af67b1936b43cdf59e3c067da13ea28b14a410bac5a1d97c5d85a",
    ),
    (
        "cursor.txt",
        "3ee2787376b02b8f8d88f539022a356aa62968c14a29dc5978977e3e7a45e270",
    ),
    (
        "database-sealed-only.json",
        "637db3ec17cdc54c37f726f97c7e76eec31f1df3362237a7f1c900070183bc53",
    ),
    (
        "database.json",
        "e8ea68183aba79de6f1d9770775fa4f235761acd2b2844b650e29b9051ae5982",
    ),
    (
        "definitions.txt",
        "68e7d5f79065bf7462520166802964a41cb812561cbbc42609f2b6d5d16ba71e",
    ),
    (
        "document-format-2.json",
        "7c3bf666dc91d0d1319e8a0a72306bca4997673d68b454a24ec45e8291ed8f35",
    ),
    (
        "document-hand-made.json",
        "b6aebf2a9a0931569177dd11a3d3fc88b84b4403ad9fab205dd894bc5b965b23",
    ),
    (
        "document-intent.json",
        "7c64b2a918bc6000b9f468f301a234c9ad33a010d71cc0319ade6b384839bae6",
    ),
    (
        "document-moved.json",
        "a635824e869e2d2bf6e06f80fa8996eff7ac3662626e3fbfda2104895b713547",
    ),
    (
        "document-needs.json",
        "497a45fec4d9faa6c699b5b3fdc7873fc8d1c8f769caecf77211268d2e07e936",
    ),
    (
        "document-prev-8.json",
        "e8669c9867b2245f2bb792a4db288060b39e5a140c19b231892361ff5421e66d",
    ),
    (
        "document-readable.json",
        "76f04db3baf4884838b333ee16a3f70f0e762152c3287aedd2073128f90e1b9c",
    ),
    (
        "document-rewrite.json",
        "ffdc33365686dbc04993501fb39d38f4343787b593f67e1ff33872858edb5942",
    ),
    (
        "document-seal.json",
        "a4b73bfbf501775b359bfb1621a178290839a32aa968e60b2f5f4ce7ea2432ce",
    ),
    (
        "document-sorted.json",
        "2a1a18c84bd246a6af83e0600241f755c3a8975e86a89adbd627c392480094e4",
    ),
    (
        "document-stub.json",
        "b5c42f6103c1772c31b3d082bd2dacd618096c173acbc185e4f8b26d69839adb",
    ),
    (
        "document-tombstone.json",
        "55376540744f3e162ed420be26c6efb9cc88f5eb335f5290cc9c21f89041f8c2",
    ),
    (
        "document.json",
        "b7bdc14b5f198317b416fbfa9e47e288487aedad0bf5c56e754a51aaf1a072ad",
    ),
    (
        "entries.txt",
        "a6de197255f8356eda0a9e64213dfe181de4faf3c429d8a36595ca0de944d4ba",
    ),
    (
        "ids.txt",
        "79f744864f7d27fe0d9179d5c8a67680f58d9c5fa81e274d47ae57d93355e2e6",
    ),
    (
        "import.json",
        "bde0a8bdff6070891389aabcae0d2cd5fad724516c2db7f844accf0e484737e4",
    ),
    (
        "intent-delete-own.json",
        "6a3dae3195a0144191fa50ff111edfd62d3781de64f04b626a6c32ec80609be6",
    ),
    (
        "intent-lock.json",
        "b0cc0ee79aa94dcf553be036912dc3ff4f9a6fecbb0d47862fcc96f8cec4308f",
    ),
    (
        "intent-put.json",
        "21113bf36ea6d7ae96e987bef3228263954f6f1c0093859086d7af92e17c19e6",
    ),
    (
        "intent-staged.json",
        "3339d99c2ac62541f4cb2cfa100992b88668ee5ef5b17ae9c8f9106b71d0b2b2",
    ),
    (
        "lock-held.json",
        "f8df1964356ea41b3debabe867cb205c7f466fc56cdddb0a083f74ba1911d296",
    ),
    (
        "lock-released.json",
        "89de331c80f630114d5dfa29d4b68e75ac54fc3e826f44cdb236139be9b49734",
    ),
    (
        "lock.toml",
        "9744660ff4fa42c10112f993298c22d6d241d983ed1d2857cb76793e8f6a9828",
    ),
    (
        "quarantined.json",
        "d64b7e4e5292852c1c058fcfcdfdf8c64f893cd356d3f9a6efc4d6e841a36097",
    ),
    (
        "record-aborted.json",
        "29c1caaefeb115366b03954a7313128049a13f58d36515fc268933078057bcce",
    ),
    (
        "record-committed.json",
        "ace27743b3bb01e8850236dec97b3e76f6fef5a9e413c76975e23debdf145543",
    ),
    (
        "result.json",
        "e0d1b31c7df40ccffed9b2a14dcc7bdc6b9551c901b3f20da9d44319d2550298",
    ),
    (
        "schema-untyped.json",
        "dcf6481bd0fa88addb958efa98e210a0743cfee48ec546ee9e2a16863753fd22",
    ),
    (
        "schema.json",
        "8fd2a3c7ae0ad871ee2664d2ec127d080b18da26d62e78d9923df060d3336345",
    ),
    (
        "sequence.json",
        "ff79c9c732731f3752fb217a4f8e14b25f3ae9833117f929536ac8e5f2e3f8fd",
    ),
    (
        "values.txt",
        "a1381bc8f7a92497e4dbffe1da461cb10608c0aeab59b4d95b4bd544a3e791d5",
    ),
];

pub(crate) fn read(name: &str) -> Bytes {
    let path = folder().join(name);
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-v1")
}

pub(crate) fn lines(name: &str) -> Vec<String> {
    let text = String::from_utf8(read(name).to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn no_fixture_ever_changes() {
    let found: BTreeMap<String, String> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|name| (name.clone(), HEXLOWER.encode(&Sha256::digest(read(&name)))))
        .collect();
    let frozen: BTreeMap<String, String> = FROZEN
        .iter()
        .map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned()))
        .collect();
    assert_eq!(found, frozen);
}

const BODY: &[u8] = br#"{"id":"0199c7f5-5f0a-7e2b-9c1d-0123456789ab","email":"ada@example.org","plan":"pro","score":1.5,"nick":"Countess"}"#;

const MOVED: &[u8] = br#"{"quarantined":"_quarantine/users/0199c7f5-5f0a-7e2b-9c1d-0123456789ab/7-77777777777777777777.json"}"#;

/// The documents whose bytes are written again exactly as they are: name, envelope, body.
fn sealed_documents() -> Vec<(&'static str, Envelope, &'static [u8])> {
    let tombstone = Envelope {
        state: State::Deleted,
        rev: 8,
        write: nonce('8'),
        prev: envelope().lineage(),
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        ..envelope()
    };
    let stub = Envelope {
        put: nonce('f'),
        schema: 0,
        shape: Default::default(),
        state: State::Stub,
        rev: 1,
        write: nonce('1'),
        prev: Vec::new(),
        created: None,
        updated: None,
        catalog: 0,
        ..tombstone.clone()
    };
    let old = Envelope {
        prev: [6, 5, 4, 3, 2, 1, 0]
            .map(|rev| past(rev, char::from_digit(rev as u32, 10).unwrap()))
            .into(),
        ..envelope()
    };
    let full_prev = Envelope {
        rev: 8,
        write: nonce('8'),
        prev: old.lineage(),
        ..envelope()
    };
    let rewritten = Envelope {
        rewrite: true,
        prev: vec![
            Past {
                rewrite: true,
                ..past(6, '6')
            },
            past(5, '5'),
        ],
        ..envelope()
    };
    let with_seal = Envelope {
        shape: BodyShape {
            seal: Some(0x0123_4567_89ab_cdef),
            embedded: Versions([("Address".to_owned(), 3)].into()),
            readable_by: None,
        },
        ..envelope()
    };
    let readable = Envelope {
        shape: BodyShape {
            seal: Some(0x0123_4567_89ab_cdef),
            readable_by: Some(1),
            ..BodyShape::default()
        },
        ..envelope()
    };
    let moved = tombstone.clone();
    vec![
        ("document.json", envelope(), BODY),
        ("document-tombstone.json", tombstone, b"{}"),
        ("document-stub.json", stub, b"{}"),
        ("document-prev-8.json", full_prev, BODY),
        ("document-rewrite.json", rewritten, BODY),
        ("document-seal.json", with_seal, BODY),
        ("document-readable.json", readable, BODY),
        ("document-moved.json", moved, MOVED),
    ]
}

#[test]
fn s20_s21_documents_open_and_are_sealed_again_to_the_same_bytes() {
    for (name, envelope, body) in sealed_documents() {
        let bytes = read(name);
        let opened = envelope::open(&bytes).unwrap();
        assert_eq!(opened.envelope, envelope, "{name}");
        assert_eq!(&opened.body[..], body, "{name}");
        assert_eq!(envelope.seal(body), bytes, "{name}");
        assert_eq!(
            envelope::physical_nonce(&bytes),
            Some(envelope.put),
            "{name}"
        );
    }
}

#[test]
fn a_document_that_a_person_sorted_opens_as_the_same_document() {
    let sorted = envelope::open(&read("document-sorted.json")).unwrap();
    assert_eq!(sorted.envelope, envelope());
    let body: serde_json::Value = serde_json::from_slice(&sorted.body).unwrap();
    assert_eq!(
        body,
        serde_json::from_slice::<serde_json::Value>(BODY).unwrap()
    );
}

#[test]
fn json_that_a_person_wrote_has_revision_zero() {
    let bytes = read("document-hand-made.json");
    let opened = envelope::open(&bytes).unwrap();
    assert_eq!((opened.has_envelope, opened.envelope.rev), (false, 0));
    assert_eq!(opened.envelope.write.as_str(), "mqnbuakq14old4bnrk8q");
    assert_eq!(opened.body, bytes);
}

#[test]
fn an_intent_opens_and_is_sealed_again_to_the_same_bytes() {
    let bytes = read("document-intent.json");
    let opened = envelope::open(&bytes).unwrap();
    let intent = opened.envelope.intent.clone().unwrap();
    assert_eq!(
        (intent.transaction.as_str(), intent.rev, intent.write),
        ("k3jd8f.0", 8, nonce('8'))
    );
    assert_eq!(opened.envelope.seal(&opened.body), bytes);
}

#[test]
fn newer_documents_are_unsupported() {
    for name in ["document-needs.json", "document-format-2.json"] {
        assert_eq!(
            envelope::open(&read(name)).unwrap_err().kind(),
            ErrorKind::Unsupported,
            "{name}"
        );
    }
}

fn claims() -> [(&'static str, Claim); 2] {
    let claim = |owner| Claim {
        envelope: Envelope {
            prev: Vec::new(),
            rev: 1,
            schema: 0,
            shape: Default::default(),
            catalog: 0,
            created: None,
            updated: None,
            index: BTreeMap::new(),
            unique: BTreeMap::new(),
            ..envelope()
        },
        owner,
    };
    [
        (
            "claim-held.json",
            claim(Some(
                "users/0199c7f5-5f0a-7e2b-9c1d-0123456789ab.json".to_owned(),
            )),
        ),
        ("claim-released.json", claim(None)),
    ]
}

#[test]
fn claims_open_and_are_sealed_again_to_the_same_bytes() {
    for (name, claim) in claims() {
        assert_eq!(Claim::open(&read(name)).unwrap(), claim, "{name}");
        assert_eq!(claim.seal(), read(name), "{name}");
    }
}

fn catalog() -> Catalog {
    let plan = define(&SPEC, &SPEC.indexes[0]);
    let email = define(&SPEC, &SPEC.indexes[usize::from(UNIQUE)]);
    let placement = |state, generation| Placement {
        state,
        generation,
        unknown: BTreeMap::new(),
    };
    let definitions = [
        (
            plan.name,
            Entry {
                number: 1,
                kind: IndexKind::Index,
                text: plan.text,
                since: 1,
                state: None,
                backends: [
                    ("objects".to_owned(), placement(CatalogState::Ready, 1)),
                    ("redis".to_owned(), placement(CatalogState::Building, 4)),
                ]
                .into(),
                unknown: BTreeMap::new(),
            },
        ),
        (
            email.name,
            Entry {
                number: 2,
                kind: IndexKind::Unique,
                text: email.text,
                since: 1,
                state: Some(CatalogState::Ready),
                backends: BTreeMap::new(),
                unknown: BTreeMap::new(),
            },
        ),
    ];
    Catalog {
        envelope: system_envelope(),
        collection: "users".into(),
        shards: 1,
        key_kind: "uuid".into(),
        writable_from: 1,
        embedded_from: Default::default(),
        instances: [("redis".to_owned(), "redis:rrrrrrrrrrrrrrrrrrrr".to_owned())].into(),
        next_number: 3,
        builder: None,
        definitions: definitions.into(),
        unknown: BTreeMap::new(),
    }
}

fn system_envelope() -> Envelope {
    Envelope {
        rev: 12,
        prev: vec![past(11, 'b')],
        schema: 0,
        shape: Default::default(),
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        ..envelope()
    }
}

#[test]
fn the_catalog_opens_and_is_sealed_again_to_the_same_bytes() {
    assert_eq!(Catalog::open(&read("catalog.json")).unwrap(), catalog());
    assert_eq!(catalog().seal(), read("catalog.json"));
}

#[test]
fn a_run_that_builds_opens_and_is_sealed_again_to_the_same_bytes() {
    let run = nonce('v');
    let building = Catalog {
        builder: Some(Builder { run, beat: 7 }),
        ..catalog()
    };
    let bytes = read("catalog-builder.json");
    assert_eq!(Catalog::open(&bytes).unwrap(), building);
    assert_eq!(building.seal(), bytes);
    assert!(
        building.agrees_with(&catalog()),
        "writers do the same by both"
    );
}

#[test]
fn a_floor_of_embedded_types_opens_and_is_sealed_again_to_the_same_bytes() {
    let floor = [("Address".to_owned(), 3), ("Plan".to_owned(), 2)];
    let raised = Catalog {
        writable_from: 2,
        embedded_from: Versions(floor.into()),
        ..catalog()
    };
    let bytes = read("catalog-embedded.json");
    assert_eq!(Catalog::open(&bytes).unwrap(), raised);
    assert_eq!(raised.seal(), bytes);
}

#[test]
fn s09_a_catalog_of_a_newer_build_is_sealed_again_to_the_same_bytes() {
    let bytes = read("catalog-newer.json");
    let opened = Catalog::open(&bytes).unwrap();
    assert_ne!(opened, catalog());
    let states: Vec<CatalogState> = opened
        .definitions
        .values()
        .flat_map(|entry| {
            entry
                .backends
                .values()
                .map(|placement| placement.state)
                .chain(entry.state)
        })
        .collect();
    assert_eq!(
        states,
        [CatalogState::Down, CatalogState::Ready, CatalogState::Down]
    );
    assert_eq!(opened.seal(), bytes);
}

fn database() -> Database {
    let check = |number, name: &str, failure: Option<&str>| ProbeCheck {
        number,
        name: name.into(),
        failure: failure.map(str::to_owned),
    };
    Database {
        envelope: system_envelope(),
        id: nonce('d'),
        in_flight_bound: Duration::from_secs(60),
        probe: ProbeReport {
            version: 1,
            checks: vec![
                check(1, "concurrent creates have one winner", None),
                check(
                    2,
                    "a conditional delete obeys its condition",
                    Some("not supported"),
                ),
            ],
        },
        sealed_only: false,
        unknown: BTreeMap::from([("region".to_owned(), serde_json::json!("eu"))]),
    }
}

#[test]
fn the_databases_settings_open_and_are_sealed_again_to_the_same_bytes() {
    assert_eq!(Database::open(&read("database.json")).unwrap(), database());
    assert_eq!(database().seal(), read("database.json"));
    let sealed_only = Database {
        sealed_only: true,
        ..database()
    };
    let bytes = read("database-sealed-only.json");
    assert_eq!(Database::open(&bytes).unwrap(), sealed_only);
    assert_eq!(sealed_only.seal(), bytes);
}

#[test]
fn a_published_schema_opens_and_is_sealed_again_to_the_same_bytes() {
    let bytes = read("schema.json");
    let fields = [("email", "String"), ("id", "Id<User>"), ("plan", "Plan")];
    let schema = PublishedSchema {
        collection: "users".to_owned(),
        version: 2,
        digest: "0123456789abcdef".to_owned(),
        key: "id".to_owned(),
        fields: fields
            .map(|(name, ty)| (name.to_owned(), ty.to_owned()))
            .into(),
        untyped: None,
        unknown: BTreeMap::new(),
    };
    assert_eq!(PublishedSchema::open(&bytes).unwrap(), schema);
    assert_eq!(schema.seal(nonce('p')), bytes);

    let bytes = read("schema-untyped.json");
    let leaf = |name: &str| StoredType::Leaf(name.to_owned());
    let seats = StoredType::Generic {
        of: "Option".to_owned(),
        with: vec![leaf("u8")],
    };
    let team = StoredType::Members {
        members: vec![("seats".to_owned(), seats)],
    };
    let plan = StoredType::Embedded {
        embedded: "Plan".to_owned(),
        version: 3,
        form: Form::Enum,
        tag: None,
        content: None,
        parts: vec![("free".to_owned(), leaf("()")), ("team".to_owned(), team)],
    };
    let types = [
        ("email", leaf("String")),
        ("id", leaf("Id")),
        ("plan", plan),
    ];
    let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let schema = PublishedSchema {
        untyped: Some(UntypedFacts {
            types: types.map(|(name, ty)| (name.to_owned(), ty)).into(),
            aliases: [("email".to_owned(), list(&["mail"]))].into(),
            indexes: [("email-77aa01c3".to_owned(), list(&["email"]))].into(),
            readable_by: Some(1),
            denies_unknown: true,
            keeps_history: true,
            adopts: true,
        }),
        ..schema
    };
    assert_eq!(PublishedSchema::open(&bytes).unwrap(), schema);
    assert_eq!(schema.seal(nonce('p')), bytes);
    assert_eq!(schema.addition_name(), "2-9e452e3c");
}

#[test]
fn a_checkpoint_of_an_import_opens_and_is_sealed_again_to_the_same_bytes() {
    let bytes = read("import.json");
    let checkpoint = ImportCheckpoint {
        collection: "users".to_owned(),
        import: "people-2026".to_owned(),
        seed: nonce('s'),
        started: "2026-11-20T14:52:11.12Z".parse().unwrap(),
        items: 2_000,
        created: 1_990,
        existed: 7,
        failed: 3,
        ids: "ab".repeat(32),
        finished: false,
        unknown: BTreeMap::new(),
    };
    let envelope = Envelope {
        rev: 3,
        write: nonce('3'),
        prev: vec![past(2, '2'), past(1, '1')],
        ..Envelope::first(nonce('p'))
    };
    let opened = ImportCheckpoint::open(&bytes).unwrap();
    assert_eq!(opened, (envelope.clone(), checkpoint.clone()));
    assert_eq!(checkpoint.seal(&envelope), bytes);
    let key = path::import("users", "people-2026");
    assert_eq!(key.as_str(), "_import/users/people-2026.json");
}

#[test]
fn a_document_that_was_moved_aside_keeps_its_bytes_and_its_tombstone_names_the_copy() {
    let bytes = read("quarantined.json");
    let copy = Quarantined::open(&bytes).unwrap();
    assert_eq!(
        copy.document.get().as_bytes(),
        &read("document.json")[..],
        "nothing is lost"
    );
    assert_eq!(copy.seal(nonce('p')), bytes);
    let id = EncodedId::parse(&copy.id).unwrap();
    let place = path::quarantined(&copy.collection, &id, 7, nonce('7'));
    assert_eq!(quarantine::tombstone(&place), MOVED);
    assert_eq!(quarantine::place(MOVED), Some(place));
    assert_eq!(quarantine::place(b"{}"), None);
}

fn cursor_keys() -> CursorKeys {
    CursorKeys {
        keys: vec![(nonce('2'), [0x22; 32]), (nonce('1'), [0x11; 32])],
    }
}

fn position() -> Position {
    Position {
        query: [1, 2, 3, 4, 5, 6, 7, 8],
        definition: "plan-15c3fc72".into(),
        descending: true,
        value: Bytes::from_static(b"\x04pro\0\0"),
        id: "0199c7f5-5f0a-7e2b-9c1d-0123456789ab".into(),
    }
}

#[test]
fn cursor_keys_open_and_are_sealed_again_to_the_same_bytes() {
    assert_eq!(
        CursorKeys::open(&read("cursor-keys.json")).unwrap(),
        cursor_keys()
    );
    assert_eq!(cursor_keys().seal(nonce('p')), read("cursor-keys.json"));
}

#[test]
fn the_journal_of_a_cascade_opens_and_is_sealed_again_to_the_same_bytes() {
    let begun = Begun {
        collection: "orgs".to_owned(),
        id: "acme".to_owned(),
        created: Some("2026-11-20T14:52:11.12Z".parse().unwrap()),
    };
    let bytes = read("cascade.json");
    assert_eq!(Begun::open(&bytes).unwrap(), begun);
    assert_eq!(Envelope::first(nonce('p')).seal(&begun.body()), bytes);
}

#[test]
fn a_cursor_opens_and_is_made_again_from_the_same_nonce() {
    let cursor = &lines("cursor.txt")[0];
    assert_eq!(cursor_keys().decrypt(cursor).unwrap(), position());
    assert_eq!(cursor_keys().encrypt(&position(), [0x33; 12]), *cursor);
}

/// `<id as JSON> => <encoded> => <shard of 16>`
#[test]
fn s24_ids_have_their_paths_and_shards() {
    for line in lines("ids.txt") {
        let [text, encoded, shard] = line.split(" => ").collect::<Vec<_>>().try_into().unwrap();
        let id = EncodedId::encode(&KeyText(serde_json::from_str(text).unwrap())).unwrap();
        assert_eq!(
            (
                id.as_str(),
                format!("{:x}", path::shard_of(16, &id)).as_str()
            ),
            (encoded, shard)
        );
        assert_eq!(EncodedId::parse(encoded), Some(id));
    }
}

/// `<components> => <hex of the value>`, every line for an index of as many components.
#[test]
fn s26_values_have_their_bytes() {
    for line in lines("values.txt") {
        values::check(&line);
    }
}

/// `<hex of the value> <id> <base> <write> => <path>`
#[test]
fn s13_s14_entries_have_their_names() {
    for line in lines("entries.txt") {
        let (parts, path) = line.split_once(" => ").unwrap();
        let [value, id, base, write] = parts.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let value = EncodedValue(HEXLOWER.decode(value.as_bytes()).unwrap().into());
        let write = smarterbase_core::format::Nonce::parse(write).unwrap();
        let name = EntryName {
            tag: Tag::new(base.parse().unwrap(), write, &value),
            id: EncodedId::parse(id).unwrap(),
            value,
        };
        let key = name.key("users", "plan-15c3fc72");
        assert_eq!(key.as_str(), path);
        assert_eq!(
            EntryName::parse(&path::entries("users", "plan-15c3fc72"), &key),
            Some(name)
        );
    }
}

/// `<name> => <text>`, in the order of the sample's definitions.
#[test]
fn s11_definitions_have_their_names_and_texts() {
    let defined: Vec<String> = SPEC
        .indexes
        .iter()
        .map(|index| define(&SPEC, index))
        .map(|definition| format!("{} => {}", definition.name, definition.text))
        .collect();
    assert_eq!(lines("definitions.txt"), defined);
}

/// `<collection> <definition> <hex of the value> => <hash>`
#[test]
fn s12_claims_have_their_hashes() {
    for line in lines("claims.txt") {
        let (parts, hash) = line.split_once(" => ").unwrap();
        let [collection, definition, value] =
            parts.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let value = EncodedValue(HEXLOWER.decode(value.as_bytes()).unwrap().into());
        assert_eq!(claim::hash(collection, definition, &value), hash);
    }
}
