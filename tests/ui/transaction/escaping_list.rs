//! What an attempt pushes into a captured list would be there twice after a second attempt: collect inside, and give it back.

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn collect(db: &Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    db.transaction(|tx| async {
        let note = Note::get(&tx, &"one".to_owned()).required().await?;
        found.push(note.text.clone());
        Ok(())
    })
    .await?;
    Ok(found)
}

fn main() {}
