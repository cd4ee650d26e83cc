//! Every short attribute has a long form, for structs whose other derives own the short names.

use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = "users", version = 1, shards = 16, unknown = deny, crate = "smarterbase")]
struct User {
    #[document(key(auto))]
    id: Id<User>,
    #[document(unique(lower), index(range, name = by_mail))]
    email: String,
    #[document(field(created_at))]
    created_at: Timestamp,
}

fn main() {
    assert_eq!(User::SPEC.collection, "users");
    assert_eq!(User::SPEC.shards, 16);
    let names: Vec<_> = User::SPEC.indexes.iter().map(|index| index.name).collect();
    assert_eq!(names, ["by-mail", "email"]);
    let _ = |db: &Db| {
        let _ = User::find_by_mail_in(db, "a".."n");
        let _ = User::find_by_email(db, "a");
    };
}
