//! What every system is asked to do, and the systems: one file each.

mod native_db;
mod postgres;
mod smarterbase;
mod sqlite;
mod toasty;

use async_trait::async_trait;

pub(crate) use self::{
    native_db::NativeDb,
    postgres::{Postgres, connect},
    smarterbase::{Distance, Indexes, Services, SmarterBase},
    sqlite::Sqlite,
    toasty::Toasty,
};
use crate::{article::Article, operation::Operation};

/// How many documents one page has.
pub(crate) const PAGE: usize = 50;
/// How many documents the first ones in an order are.
pub(crate) const FIRST: usize = 20;

/// A database that holds the articles. Every answer is whole documents, decoded, in the order that is asked for.
#[async_trait]
pub(crate) trait Peer: Send {
    /// As it is called in the report, with its version.
    fn version(&self) -> String;

    /// Durability and settings, as the running system says them, not as they were meant to be.
    async fn settings(&mut self) -> anyhow::Result<String>;

    /// Stores many documents as fast as the system can, before anything is measured.
    async fn load(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        self.create_many(articles).await
    }

    /// What an operator does after loading: statistics, checkpoints, and durability where loading went without.
    async fn settle(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>>;

    async fn create(&mut self, article: Article) -> anyhow::Result<()>;

    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()>;

    /// Everything that one author wrote, by id.
    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>>;

    /// Everything that three authors wrote, by id.
    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>>;

    /// The [`PAGE`] articles that were published next after this time.
    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>>;

    /// The [`FIRST`] articles with the lowest scores.
    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>>;

    /// The [`FIRST`] articles with the highest scores.
    async fn highest(&mut self) -> anyhow::Result<Vec<Article>>;

    /// The [`FIRST`] longest articles: a sort without an index.
    async fn longest(&mut self) -> anyhow::Result<Vec<Article>>;

    /// Why this system is not asked to do this.
    fn declines(&self, _operation: Operation) -> Option<&'static str> {
        None
    }

    /// What a reader must know about how this system does it.
    fn remark(&self, _operation: Operation) -> Option<&'static str> {
        None
    }

    /// Is added to the numbers of new articles, where two systems share one store.
    fn first_number(&self) -> usize {
        0
    }

    /// Ends connections and tasks.
    async fn close(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}
