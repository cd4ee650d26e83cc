use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
pub struct Book {
    #[key]
    id: u64,
    #[index]
    shelf: String,
    title: String,
}

fn query(db: &Db) {
    let _ = Book::query(db).filter(|book| book.title.eq("Emma"));
    let _ = Book::query(db).filter(|book| book.shelf.eq("a") | book.title.eq("Emma"));
    let _ = Book::query(db).filter(|book| !book.shelf.eq("a"));
    let _ = Book::query(db).filter(|book| book.shelf.lt("b"));
    let _ = Book::query(db).order_by(|book| book.shelf.asc());
    // These are answered.
    let _ = Book::query(db).filter(|book| book.shelf.eq("a") & book.title.eq("Emma"));
    let _ = Book::query(db).scan().filter(|book| book.title.eq("Emma"));
}

fn main() {}
