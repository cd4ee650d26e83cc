use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "visitors",
    upgrade = write_backs,
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    name: String,
}

fn main() {}
