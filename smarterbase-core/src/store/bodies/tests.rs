use std::sync::Arc;

use bytes::Bytes;

use super::{Bodies, MOST_NEWS};
use crate::{
    document::Version,
    format::Key,
    port::{Listed, Object},
};

fn key(number: usize) -> Key {
    Key::from_stored(format!("users/{number}.json"))
}

fn object(version: &str, text: &str) -> Object {
    let body = format!(r#"{{"_sb":{{"put":"pppppppppppppppppppp"}},"text":"{text}"}}"#);
    Object {
        version: Version::from_e_tag(version),
        bytes: Bytes::from(body),
    }
}

fn listed(number: usize, object: &Object) -> Listed {
    Listed {
        key: key(number),
        version: object.version.clone(),
        size: object.bytes.len() as u64,
        last_modified: None,
    }
}

#[test]
fn a_body_is_recalled_at_its_version_and_length_only() {
    let bodies = Bodies::new(1_000_000);
    let kept = object("1", "a");
    bodies.keep(&key(0), &kept);
    assert_eq!(bodies.recall(&listed(0, &kept)), Some(kept.clone()));
    assert_eq!(bodies.recall(&listed(1, &kept)), None);
    assert_eq!(bodies.recall(&listed(0, &object("2", "a"))), None);
    assert_eq!(bodies.recall(&listed(0, &object("1", "ab"))), None);
    // What is read later takes the place of what is kept, and of nothing else.
    let next = object("2", "b");
    bodies.saw(&key(0), &next);
    bodies.saw(&key(1), &next);
    assert_eq!(bodies.recall(&listed(0, &kept)), None);
    assert_eq!(bodies.recall(&listed(0, &next)), Some(next.clone()));
    assert_eq!(bodies.recall(&listed(1, &next)), None);
}

#[test]
fn what_no_strong_tag_and_no_nonce_identify_is_not_kept() {
    let bodies = Bodies::new(1_000_000);
    let hand_made = Object {
        bytes: "{}".into(),
        ..object("1", "a")
    };
    let without_tag = Object {
        version: Version::default(),
        ..object("1", "a")
    };
    for object in [object("W/\"1\"", "a"), hand_made, without_tag] {
        bodies.keep(&key(0), &object);
        assert_eq!(bodies.recall(&listed(0, &object)), None);
    }
    assert_eq!(bodies.weight(), 0);
}

#[test]
fn no_more_is_kept_than_the_budget_allows() {
    let budget = 100_000;
    let bodies = Bodies::new(budget);
    for number in 0..10_000 {
        let text = "x".repeat(number % 900);
        bodies.keep(&key(number), &object("1", &text));
        assert!(bodies.weight() <= budget, "{}", bodies.weight());
    }
    assert!(bodies.weight() > budget / 2);
    bodies.keep(&key(10_000), &object("1", &"x".repeat(200_000)));
    assert!(bodies.weight() <= budget);
    let nothing = Bodies::new(0);
    nothing.keep(&key(0), &object("1", "a"));
    assert_eq!(nothing.recall(&listed(0, &object("1", "a"))), None);
}

#[test]
fn a_page_is_believed_until_something_else_is_written_or_read() {
    let bodies = Bodies::new(0);
    let (old, new) = (object("1", "a"), object("2", "b"));
    bodies.tell(&key(0), None); // Before the page: the LIST shows it.
    let page = bodies.look();
    assert!(page.is_current(&listed(0, &old)));
    bodies.saw(&key(0), &old); // The very version that was listed.
    assert!(page.is_current(&listed(0, &old)));
    bodies.saw(&key(0), &new);
    assert!(!page.is_current(&listed(0, &old)));
    assert!(
        !page.is_current(&listed(0, &new)),
        "two versions: which is newer is not known"
    );
    assert!(page.is_current(&listed(1, &old)), "others are believed");
    bodies.tell(&key(1), None);
    assert!(!page.is_current(&listed(1, &old)));
    let later = bodies.look();
    assert!(later.is_current(&listed(0, &new)));
    assert!(later.is_current(&listed(1, &new)));
    bodies.saw(&key(2), &new);
    assert!(
        page.is_current(&listed(2, &new)),
        "told of this version only"
    );
    assert!(!page.is_current(&listed(2, &old)));
}

#[test]
fn news_is_bounded_and_what_is_too_much_makes_pages_doubtful() {
    let bodies = Bodies::new(0);
    let known = |bodies: &Arc<Bodies>| bodies.news().told.len();
    for number in 0..100 {
        bodies.tell(&key(number), None);
    }
    assert_eq!(known(&bodies), 0, "nobody asks");
    let page = bodies.look();
    let any = object("1", "a");
    for number in 0..MOST_NEWS * 3 {
        bodies.tell(&key(number), None);
        assert!(known(&bodies) <= MOST_NEWS);
    }
    assert!(
        !page.is_current(&listed(MOST_NEWS * 4, &any)),
        "nothing of it is believed"
    );
    let next = bodies.look();
    assert!(next.is_current(&listed(0, &any)));
    drop(page);
    // What all pages in use are younger than is forgotten first.
    for number in 0..MOST_NEWS {
        bodies.tell(&key(number), None);
    }
    assert!(next.is_current(&listed(MOST_NEWS * 4, &any)));
    drop(next);
    assert_eq!(known(&bodies), 0);
}

#[test]
fn only_documents_make_news() {
    let bodies = Bodies::new(0);
    let _page = bodies.look();
    bodies.tell(&Key::from_stored("_sys/format.json"), None);
    assert_eq!(bodies.news().told.len(), 0);
}
