//! What a closure needs in every attempt is cloned before `async move`; what it finds is given back.

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn rename(db: &Db, id: String, text: String) -> Result<String> {
    db.transaction(|tx| {
        let (id, text) = (id.clone(), text.clone());
        async move {
            let mut note = Note::get(&tx, &id).required().await?;
            let before = std::mem::replace(&mut note.text, text);
            note.save(&tx).await?;
            Ok(before)
        }
    })
    .await
}

pub async fn borrowed(db: &Db, id: &str) -> Result<usize> {
    db.snapshot(|tx| async move {
        let note = Note::get(&tx, &id.to_owned()).required().await?;
        Ok(note.text.len())
    })
    .await
}

pub async fn spawned(db: Db) -> Result<()> {
    let running = tokio::spawn(async move {
        db.transaction(|tx| async move { Note::delete(&tx, &"one".to_owned()).await.map(drop) })
            .await
    });
    running.await.expect("no panic")
}

fn main() {}
