//! The closure runs again after a conflict, so it must not give away what it captured: clone it before `async move`.

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn create(db: &Db, id: String) -> Result<()> {
    db.transaction(|tx| async move {
        Note::create(&tx, Note { id, text: String::new() }).await?;
        Ok(())
    })
    .await
}

fn main() {}
