use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
pub struct Book {
    #[key]
    id: u64,
    #[index]
    shelf: String,
    #[index(each)]
    tags: Vec<String>,
    #[index(range)]
    year: u32,
}

fn query(db: &Db) {
    let _ = Book::query(db).filter(|book| book.year.eq("1815"));
    let _ = Book::query(db).filter(|book| book.year.contains_text("18"));
}

fn main() {}
