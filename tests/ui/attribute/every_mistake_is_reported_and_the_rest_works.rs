use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(shards = 3)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(rang)]
    plan: String,
    #[unique]
    email: String,
    #[field(skipp)]
    note: String,
}

// These uses cause no errors of their own.
fn uses(db: &Db) {
    let _ = User::find_by_email(db, "ada@example.org");
    let _ = User::find_by_plan(db, "pro");
    let _ = User::FIELDS.note.name();
}

fn main() {}
