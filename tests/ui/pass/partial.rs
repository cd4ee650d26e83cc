//! Functions of every place, names that clash with nothing, and types that other code wrote.

use smarterbase::prelude::*;

mod rules {
    pub fn is_open(ticket: &super::Ticket) -> bool {
        !ticket.closed
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(
    index(fields(r#type, age), where(rules::is_open, revision = 2)),
    index(fields(age, words), name = by_type, unique, where = "Self::is_old")
)]
#[document(computed(words: u32, index(range, method = find_by_length), unique(scope(r#type), where = Ticket::is_old), revision = 7))]
#[document(computed(r#loop: Option<Word>, index(where = Self::is_old)))]
struct Ticket {
    #[key]
    #[index(name = open_id, where = rules::is_open)]
    id: u64,
    r#type: String,
    age: u32,
    closed: bool,
    #[index(each, lower, name = tagged, where = rules::is_open)]
    tags: Vec<String>,
    #[references(Ticket)]
    #[index(where = rules::is_open)]
    parent: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
struct Word(String);

impl Ticket {
    fn is_old(&self) -> bool {
        self.age > 10
    }

    fn words(&self) -> u32 {
        self.tags.len() as u32
    }

    fn r#loop(&self) -> Option<Word> {
        self.tags.first().cloned().map(Word)
    }
}

async fn ask(db: &Db) -> smarterbase::Result<()> {
    let index = Ticket::INDEXES;
    let open = index.by_type_and_age_where_is_open.eq(("bug", 3_u32));
    Ticket::query(db).filter(|ticket| open & ticket.words.ge(2_u32)).await?;
    Ticket::query(db).filter(|_| index.by_tagged.eq("red") | index.by_open_id.any()).await?;
    Ticket::find_by_type_and_words_where_is_old(db, "bug", 3_u32).await?;
    Ticket::find_by_loop_where_is_old(db, Word("a".to_owned())).await?;
    Ticket::find_by_length_in(db, 1..).await?;
    Ticket::find_by_parent(db, 1_u64).await?;
    Ticket::find_by_parent_where_is_open(db, 1_u64).await?;
    Ok(())
}

fn main() {
    let _ = ask;
}
