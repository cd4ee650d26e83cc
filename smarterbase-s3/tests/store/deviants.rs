//! Stores that differ from AWS: what the client can do for them, and what it says.

use smarterbase_core::port::{Attempt, CasStore, Changed, StoreErrorKind};
use smarterbase_testkit::server::{in_process::InProcessS3, s3::Quirk};

use crate::place::{create, in_process, key, options_in_process, read, replace};

#[tokio::test]
async fn unquoted_tags_work_with_the_switch_and_only_with_it() {
    let s3 = InProcessS3::with_quirk(Quirk::UnquotedEtags);
    let quoting = in_process(&s3);
    let version = create(&quoting, "users/1.json", "first").await;
    let rejected = replace(&quoting, "users/1.json", &version, "second").await;
    assert!(matches!(rejected, Attempt::Rejected), "{rejected:?}");

    let unquoting = options_in_process(&s3)
        .with_unquoted_e_tags(true)
        .with_conditional_delete(true)
        .connect()
        .unwrap();
    let Attempt::Applied(version) = replace(&unquoting, "users/1.json", &version, "second").await
    else {
        panic!("the switch leaves the quotes out");
    };
    let same = unquoting
        .get_if_changed(&key("users/1.json"), &version)
        .await;
    assert!(matches!(same, Ok(Changed::Unchanged)), "{same:?}");
    let deleted = unquoting.delete_if(&key("users/1.json"), &version).await;
    assert!(matches!(deleted, Attempt::Applied(_)), "{deleted:?}");
}

#[tokio::test]
async fn weak_tags_are_refused_by_name_and_can_still_be_read() {
    let s3 = InProcessS3::with_quirk(Quirk::WeakEtags);
    let store = in_process(&s3);
    let version = create(&store, "users/1.json", "first").await;
    s3.requests().clear();
    match replace(&store, "users/1.json", &version, "second").await {
        Attempt::Refused(error) => {
            assert_eq!(error.kind, StoreErrorKind::Unsupported);
            assert!(error.message.contains("weak entity tags"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(s3.requests().count(), 0, "nothing is sent");
    assert_eq!(read(&store, "users/1.json").await.unwrap().bytes, "first");
}
