//! What the derives make of real structs.

use smarterbase::__private::{IntoDocument, Moment};
use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, Document)]
#[document(name = "users", new(NewUser), index(fields(org_id, created_at), name = by_org_date, range))]
pub struct User {
    #[key(auto)]
    pub id: Id<User>,
    #[unique(lower)]
    #[validate(email)]
    pub email: String,
    #[index]
    pub plan: String,
    #[index(range)]
    pub age: u32,
    #[index(each)]
    pub tags: Vec<String>,
    #[unique(scope(plan))]
    pub slug: String,
    pub org_id: Option<Id<Self>>,
    #[field(created_at)]
    pub created_at: Timestamp,
    #[field(updated_at)]
    pub updated_at: Option<Timestamp>,
    #[field(default = 3)]
    pub level: u8,
    #[field(revision)]
    #[serde(skip)]
    pub rev: Option<u64>,
    #[field(skip)]
    #[serde(skip)]
    pub scratch: Vec<u8>,
}

fn with_moment<R>(is_new: bool, then: impl FnOnce(&mut Moment<'_>) -> R) -> R {
    let mut random = |bytes: &mut [u8]| bytes.fill(7);
    then(&mut Moment::new(Timestamp::UNIX_EPOCH, is_new, &mut random))
}

fn new_user() -> NewUser {
    NewUser {
        email: "ada@example.org".into(),
        plan: "pro".into(),
        age: 36,
        tags: vec!["math".into(), "poetry".into()],
        slug: "ada".into(),
        org_id: None,
    }
}

#[test]
fn a_new_struct_holds_what_is_not_automatic() {
    let user = with_moment(true, |moment| {
        let mut user: User = new_user().into_document(moment);
        user.stamp(moment);
        user
    });
    assert!(!user.id.is_auto());
    assert_eq!(user.level, 3);
    assert_eq!(user.rev, None);
}

fn compiles(db: &Db) {
    let _ = User::find_by_email(db, "ada@example.org");
    let _ = User::find_by_plan(db, "pro");
    let _ = User::find_by_age_in(db, 18..=65);
    let _ = User::find_by_tags(db, "math");
    let _ = User::find_by_org_date_in(db, &Id::auto(), Timestamp::UNIX_EPOCH..);
    let _ = User::count_by_age(db, 3);
    let _ = User::delete_by_age(db, 3);
    let _ = User::find_by_plan_and_slug(db, "pro", "ada");
}

#[test]
fn violations() {
    let mut user = with_moment(true, |moment| new_user().into_document(moment));
    assert!(Document::validate(&user).is_ok());
    user.email = "x".into();
    assert_eq!(Document::validate(&user).unwrap_err()[0].field, "email");
    let _ = compiles;
}
