use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "visitors",
    version = 2,
    unsealed,
    readable_by = 1,
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    name: String,
}

fn main() {}
