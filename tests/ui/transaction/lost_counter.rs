//! A counter that `async move` copies is lost at the end of each attempt: give the value back from the closure.

#![deny(unused)]

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn count(db: &Db) -> Result<u32> {
    let mut changed = 0;
    db.transaction(|tx| async move {
        Note::delete(&tx, &"one".to_owned()).await?;
        changed += 1;
        Ok(())
    })
    .await?;
    Ok(changed)
}

fn main() {}
