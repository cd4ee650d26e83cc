use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = "users")]
struct User {
    #[key]
    id: String,
}

async fn read(db: &Db) -> smarterbase::Result<()> {
    User::history(db, &"ada".to_owned()).await?;
    Ok(())
}

fn main() {}
