use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
enum Plan {
    Free,
    Team { seats: u32 },
}

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    plan: Plan,
}

fn main() {}
