//! SQLite through `rusqlite`: one connection, cached statements, WAL with `synchronous=FULL`.

use std::path::Path;

use anyhow::ensure;
use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};

use super::{FIRST, PAGE, Peer};
use crate::article::Article;

const SCHEMA: &str = "
    CREATE TABLE articles (
        id INTEGER PRIMARY KEY, author TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, tags TEXT NOT NULL,
        published INTEGER NOT NULL, score INTEGER NOT NULL, words INTEGER NOT NULL
    );
    CREATE INDEX articles_author ON articles (author);
    CREATE INDEX articles_published ON articles (published);
    CREATE INDEX articles_score ON articles (score);";
const INSERT: &str = "INSERT INTO articles VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// A database file and the one connection to it. Its calls block, as those of `rusqlite` do.
pub(crate) struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = durable(&folder.join("sqlite.db"))?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    fn select(&self, rest: &str, params: impl Params) -> anyhow::Result<Vec<Article>> {
        let sql = format!(
            "SELECT id, author, title, body, tags, published, score, words FROM articles {rest}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params)?;
        let mut articles = Vec::new();
        while let Some(row) = rows.next()? {
            articles.push(decode(row)?);
        }
        Ok(articles)
    }
}

/// Opens the file with a write-ahead log, and every commit on stable storage before its reply.
pub(super) fn durable(file: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// The settings in words.
///
/// # Errors
/// When the connection is not as durable as the others are.
pub(super) fn describe(journal: &str, synchronous: i64) -> anyhow::Result<String> {
    ensure!(
        journal == "wal" && synchronous == 2,
        "SQLite runs with journal_mode={journal}, synchronous={synchronous}"
    );
    Ok("journal_mode=wal, synchronous=2 (FULL)".to_owned())
}

#[async_trait]
impl Peer for Sqlite {
    fn version(&self) -> String {
        format!(
            "SQLite {}, rusqlite {}",
            rusqlite::version(),
            crate::machine::version_of("rusqlite")
        )
    }

    async fn settings(&mut self) -> anyhow::Result<String> {
        let ask = |pragma| format!("PRAGMA {pragma}");
        let journal: String = self
            .connection
            .query_row(&ask("journal_mode"), [], |row| row.get(0))?;
        let synchronous = self
            .connection
            .query_row(&ask("synchronous"), [], |row| row.get(0))?;
        describe(&journal, synchronous)
    }

    /// The log starts over without giving its blocks back, as it does in a database that has run for a while.
    async fn settle(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute_batch("ANALYZE; PRAGMA wal_checkpoint(RESTART);")?;
        Ok(())
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>> {
        Ok(self.select("WHERE id = ?1", [id])?.pop())
    }

    async fn create(&mut self, article: Article) -> anyhow::Result<()> {
        insert(&self.connection, &article)
    }

    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        for article in &articles {
            insert(&transaction, article)?;
        }
        Ok(transaction.commit()?)
    }

    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>> {
        self.select("WHERE author = ?1 ORDER BY id", [author])
    }

    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>> {
        self.select("WHERE author IN (?1, ?2, ?3) ORDER BY id", authors)
    }

    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>> {
        self.select(
            "WHERE published > ?1 ORDER BY published LIMIT ?2",
            params![published, PAGE as i64],
        )
    }

    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.select("ORDER BY score LIMIT ?1", [FIRST as i64])
    }

    async fn highest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.select("ORDER BY score DESC LIMIT ?1", [FIRST as i64])
    }

    async fn longest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.select("ORDER BY words DESC LIMIT ?1", [FIRST as i64])
    }
}

fn insert(connection: &Connection, article: &Article) -> anyhow::Result<()> {
    let tags = serde_json::to_string(&article.tags)?;
    connection.prepare_cached(INSERT)?.execute(params![
        article.id,
        article.author,
        article.title,
        article.body,
        tags,
        article.published,
        article.score,
        article.words,
    ])?;
    Ok(())
}

fn decode(row: &Row<'_>) -> anyhow::Result<Article> {
    let tags: String = row.get(4)?;
    Ok(Article {
        id: row.get(0)?,
        author: row.get(1)?,
        title: row.get(2)?,
        body: row.get(3)?,
        tags: serde_json::from_str(&tags)?,
        published: row.get(5)?,
        score: row.get(6)?,
        words: row.get(7)?,
    })
}
