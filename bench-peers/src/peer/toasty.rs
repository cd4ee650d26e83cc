//! `toasty`, the same model on SQLite and on PostgreSQL, asked in its own words.

use std::path::Path;

use anyhow::{Context, bail};
use async_trait::async_trait;
use toasty::{Db, stmt::Value};

use super::{FIRST, PAGE, Peer, postgres, sqlite};
use crate::{article::Article, operation::Operation, servers::postgres::PostgresServer};

/// The article with `toasty`'s definitions.
#[derive(Debug, toasty::Model)]
#[table = "articles"]
struct Record {
    #[key]
    id: u32,
    #[index]
    author: String,
    title: String,
    body: String,
    tags: Vec<String>,
    #[index]
    published: i64,
    #[index]
    score: i64,
    words: i64,
}

/// `toasty` with a pool of one connection: one caller needs no more, and a setting of the connection then holds for all.
pub(crate) struct Toasty {
    db: Db,
    driver: Driver,
}

#[derive(Clone, Copy)]
enum Driver {
    Sqlite,
    Postgres,
}

impl Toasty {
    pub(crate) async fn on_sqlite(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("toasty.db");
        // The file remembers the write-ahead log. The rest belongs to the connection and is set and checked there.
        drop(sqlite::durable(&file)?);
        let mut db = connect(&format!("sqlite:{}", file.display())).await?;
        toasty::sql::statement("PRAGMA synchronous = FULL")
            .exec(&mut db)
            .await?;
        Ok(Self {
            db,
            driver: Driver::Sqlite,
        })
    }

    pub(crate) async fn on_postgres(server: &PostgresServer) -> anyhow::Result<Self> {
        let db = connect(&server.create_database("toasty").await?).await?;
        Ok(Self {
            db,
            driver: Driver::Postgres,
        })
    }

    /// The one value of the one row that `sql` gives.
    async fn value(&mut self, sql: &str) -> anyhow::Result<Value> {
        let rows = toasty::sql::query(sql).exec(&mut self.db).await?;
        let Some(Value::Record(row)) = rows.into_iter().next() else {
            bail!("`{sql}` gave no row");
        };
        row.fields.into_iter().next().context("the row is empty")
    }
}

async fn connect(url: &str) -> anyhow::Result<Db> {
    let db = Db::builder()
        .models(toasty::models!(Record))
        .max_pool_size(1)
        .connect(url)
        .await?;
    db.push_schema().await?;
    Ok(db)
}

#[async_trait]
impl Peer for Toasty {
    fn version(&self) -> String {
        format!("toasty {}", crate::machine::version_of("toasty"))
    }

    async fn settings(&mut self) -> anyhow::Result<String> {
        match self.driver {
            Driver::Sqlite => {
                let journal = self.value("PRAGMA journal_mode").await?;
                let synchronous = self.value("PRAGMA synchronous").await?;
                let (Value::String(journal), Value::I64(synchronous)) = (journal, synchronous)
                else {
                    bail!("SQLite answers its settings in other types");
                };
                sqlite::describe(&journal, synchronous)
            }
            Driver::Postgres => {
                let mut said = Vec::new();
                for name in postgres::SETTINGS {
                    let Value::String(value) = self.value(&format!("SHOW {name}")).await? else {
                        bail!("PostgreSQL answers {name} in another type");
                    };
                    said.push((name, value));
                }
                postgres::describe(&said)
            }
        }
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        let chores: &[&str] = match self.driver {
            Driver::Sqlite => &["ANALYZE", "PRAGMA wal_checkpoint(RESTART)"],
            Driver::Postgres => &["VACUUM ANALYZE articles", "CHECKPOINT"],
        };
        for chore in chores {
            toasty::sql::query(*chore).exec(&mut self.db).await?;
        }
        Ok(())
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>> {
        let found = Record::get_by_id(&mut self.db, id).await?;
        Ok(Some(found.into()))
    }

    async fn create(&mut self, article: Article) -> anyhow::Result<()> {
        creation(article).exec(&mut self.db).await?;
        Ok(())
    }

    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        let creations = articles.into_iter().map(creation);
        let many = creations.fold(Record::create_many(), |many, creation| many.item(creation));
        many.exec(&mut self.db).await?;
        Ok(())
    }

    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>> {
        let query = Record::filter_by_author(author).order_by(Record::fields().id().asc());
        Ok(articles(query.exec(&mut self.db).await?))
    }

    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>> {
        let query = Record::filter(Record::fields().author().in_list(authors))
            .order_by(Record::fields().id().asc());
        Ok(articles(query.exec(&mut self.db).await?))
    }

    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>> {
        let query = Record::all()
            .order_by(Record::fields().published().asc())
            .paginate(PAGE)
            .after(published);
        Ok(articles(query.exec(&mut self.db).await?.items))
    }

    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>> {
        let query = Record::all()
            .order_by(Record::fields().score().asc())
            .limit(FIRST);
        Ok(articles(query.exec(&mut self.db).await?))
    }

    async fn highest(&mut self) -> anyhow::Result<Vec<Article>> {
        let query = Record::all()
            .order_by(Record::fields().score().desc())
            .limit(FIRST);
        Ok(articles(query.exec(&mut self.db).await?))
    }

    async fn longest(&mut self) -> anyhow::Result<Vec<Article>> {
        let query = Record::all()
            .order_by(Record::fields().words().desc())
            .limit(FIRST);
        Ok(articles(query.exec(&mut self.db).await?))
    }

    fn remark(&self, operation: Operation) -> Option<&'static str> {
        (operation == Operation::Batch).then_some(
            "toasty's `create_many` gives the 1,000 created records back, as its `create` does.",
        )
    }
}

fn creation(article: Article) -> <Record as toasty::schema::Model>::Create {
    Record::create()
        .id(article.id)
        .author(article.author)
        .title(article.title)
        .body(article.body)
        .tags(article.tags)
        .published(article.published)
        .score(article.score)
        .words(article.words)
}

fn articles(records: Vec<Record>) -> Vec<Article> {
    records.into_iter().map(Article::from).collect()
}

impl From<Record> for Article {
    fn from(record: Record) -> Self {
        let Record {
            id,
            author,
            title,
            body,
            tags,
            published,
            score,
            words,
        } = record;
        Self {
            id,
            author,
            title,
            body,
            tags,
            published,
            score,
            words,
        }
    }
}
