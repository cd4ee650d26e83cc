//! Verbs take a reference, as they take `&db`.

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn by_value(db: &Db) -> Result<()> {
    db.transaction(|tx| async move {
        Note::delete(tx, &"one".to_owned()).await?;
        Ok(())
    })
    .await
}

fn main() {}
