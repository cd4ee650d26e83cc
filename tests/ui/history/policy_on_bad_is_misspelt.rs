use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "visitors",
    on_bad = skip,
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    name: String,
}

fn main() {}
