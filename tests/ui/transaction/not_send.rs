//! A transaction runs inside of spawned tasks, so everything it holds must be `Send`.

use smarterbase::{Result, prelude::*};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub struct Note {
    #[key]
    pub id: String,
    pub text: String,
}

pub async fn not_send(db: &Db) -> Result<()> {
    db.transaction(|tx| async move {
        let text = std::rc::Rc::new(String::new());
        Note::delete(&tx, &"one".to_owned()).await?;
        drop(text);
        Ok(())
    })
    .await
}

fn main() {}
