use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "visitors",
    adopt(version_field = "_v", bases = 0),
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    name: String,
}

fn main() {}
