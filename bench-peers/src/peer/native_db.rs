//! `native_db`: structs in `redb`, found through its own secondary keys.

use std::path::Path;

use anyhow::Context;
use async_trait::async_trait;
use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use super::{FIRST, PAGE, Peer};
use crate::{article::Article, operation::Operation};

/// The article with `native_db`'s definitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[native_model(id = 1, version = 1)]
#[native_db]
struct Record {
    #[primary_key]
    id: u32,
    #[secondary_key]
    author: String,
    title: String,
    body: String,
    tags: Vec<String>,
    #[secondary_key]
    published: i64,
    #[secondary_key]
    score: i64,
    words: i64,
}

/// One file. Its calls block. `redb` commits with `Durability::Immediate`, and `native_db` has no other.
pub(crate) struct NativeDb {
    database: Database<'static>,
}

impl NativeDb {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut models = Models::new();
        models.define::<Record>()?;
        // The database borrows its models for as long as it lives: as long as the program here.
        let models: &'static Models = Box::leak(Box::new(models));
        let database = Builder::new().create(models, folder.join("native_db.redb"))?;
        Ok(Self { database })
    }
}

#[async_trait]
impl Peer for NativeDb {
    fn version(&self) -> String {
        let redb = crate::machine::version_of("redb");
        format!(
            "native_db {}, redb {redb}",
            crate::machine::version_of("native_db")
        )
    }

    async fn settings(&mut self) -> anyhow::Result<String> {
        Ok(
            "redb's default, Durability::Immediate; native_db sets no other and tells none"
                .to_owned(),
        )
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>> {
        let reading = self.database.r_transaction()?;
        let found: Option<Record> = reading.get().primary(id)?;
        Ok(found.map(Article::from))
    }

    async fn create(&mut self, article: Article) -> anyhow::Result<()> {
        self.create_many(vec![article]).await
    }

    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        let writing = self.database.rw_transaction()?;
        for article in articles {
            writing.insert(Record::from(article))?;
        }
        Ok(writing.commit()?)
    }

    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>> {
        let reading = self.database.r_transaction()?;
        let scan = reading.scan().secondary(RecordKey::author)?;
        collect(scan.range(author..=author)?, usize::MAX)
    }

    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>> {
        let mut all = Vec::new();
        for author in authors {
            all.extend(self.by_author(author).await?);
        }
        all.sort_by_key(|article| article.id);
        Ok(all)
    }

    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>> {
        let reading = self.database.r_transaction()?;
        let scan = reading.scan().secondary(RecordKey::published)?;
        let next = published.checked_add(1).context("no time is that late")?;
        collect(scan.range(next..)?, PAGE)
    }

    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>> {
        let reading = self.database.r_transaction()?;
        let scan = reading.scan().secondary(RecordKey::score)?;
        collect(scan.all()?, FIRST)
    }

    async fn highest(&mut self) -> anyhow::Result<Vec<Article>> {
        let reading = self.database.r_transaction()?;
        let scan = reading.scan().secondary(RecordKey::score)?;
        collect(scan.all()?.rev(), FIRST)
    }

    async fn longest(&mut self) -> anyhow::Result<Vec<Article>> {
        let reading = self.database.r_transaction()?;
        let mut all = collect(reading.scan().primary()?.all()?, usize::MAX)?;
        all.sort_by_key(|article| std::cmp::Reverse(article.words));
        all.truncate(FIRST);
        Ok(all)
    }

    fn remark(&self, operation: Operation) -> Option<&'static str> {
        Some(match operation {
            Operation::Union => {
                "native_db has no union: three scans, put together and sorted by the program."
            }
            Operation::Page | Operation::Lowest | Operation::Highest => {
                "A scan by a secondary key of native_db gathers all keys of its range before the first document; it has no limit."
            }
            Operation::Longest => {
                "native_db sorts by keys only: every document is read and sorted by the program."
            }
            _ => return None,
        })
    }
}

fn collect(
    found: impl Iterator<Item = native_db::db_type::Result<Record>>,
    most: usize,
) -> anyhow::Result<Vec<Article>> {
    found.take(most).map(|record| Ok(record?.into())).collect()
}

impl From<Article> for Record {
    fn from(article: Article) -> Self {
        let Article {
            id,
            author,
            title,
            body,
            tags,
            published,
            score,
            words,
        } = article;
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
