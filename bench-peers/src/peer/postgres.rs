//! PostgreSQL through `tokio-postgres`: one connection over loopback TCP, prepared statements.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use futures::future;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, Row, Statement, types::ToSql};

use super::{FIRST, PAGE, Peer};
use crate::{article::Article, servers::postgres::PostgresServer};

const SCHEMA: &str = "
    CREATE TABLE articles (
        id BIGINT PRIMARY KEY, author TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, tags TEXT[] NOT NULL,
        published BIGINT NOT NULL, score BIGINT NOT NULL, words BIGINT NOT NULL
    );
    CREATE INDEX articles_author ON articles (author);
    CREATE INDEX articles_published ON articles (published);
    CREATE INDEX articles_score ON articles (score);";

/// One connection, and every statement that it knows.
pub(crate) struct Postgres {
    client: Client,
    connection: JoinHandle<()>,
    statements: Statements,
}

struct Statements {
    insert: Statement,
    get: Statement,
    by_author: Statement,
    by_authors: Statement,
    page_after: Statement,
    lowest: Statement,
    highest: Statement,
    longest: Statement,
}

impl Postgres {
    pub(crate) async fn open(server: &PostgresServer) -> anyhow::Result<Self> {
        let (client, connection) = connect(&server.create_database("articles").await?).await?;
        client.batch_execute(SCHEMA).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self {
            client,
            connection,
            statements,
        })
    }

    async fn query(
        &self,
        statement: &Statement,
        params: &[&(dyn ToSql + Sync)],
    ) -> anyhow::Result<Vec<Article>> {
        let rows = self.client.query(statement, params).await?;
        rows.iter().map(decode).collect()
    }
}

impl Statements {
    async fn prepare(client: &Client) -> anyhow::Result<Self> {
        let select = async |rest: &str| {
            let columns = "id, author, title, body, tags, published, score, words";
            client
                .prepare(&format!("SELECT {columns} FROM articles {rest}"))
                .await
        };
        Ok(Self {
            insert: client
                .prepare("INSERT INTO articles VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                .await?,
            get: select("WHERE id = $1").await?,
            by_author: select("WHERE author = $1 ORDER BY id").await?,
            by_authors: select("WHERE author IN ($1, $2, $3) ORDER BY id").await?,
            page_after: select("WHERE published > $1 ORDER BY published LIMIT $2").await?,
            lowest: select("ORDER BY score LIMIT $1").await?,
            highest: select("ORDER BY score DESC LIMIT $1").await?,
            longest: select("ORDER BY words DESC LIMIT $1").await?,
        })
    }
}

/// A client, and the task that moves its bytes.
pub(crate) async fn connect(url: &str) -> anyhow::Result<(Client, JoinHandle<()>)> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("PostgreSQL takes no connection")?;
    // An error of the connection is the error of every call that waits for it.
    let task = tokio::spawn(async { drop(connection.await) });
    Ok((client, task))
}

/// The settings that decide about durability.
pub(super) const SETTINGS: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];

/// The settings in words.
///
/// # Errors
/// When the server is not as durable as the others are.
pub(super) fn describe(settings: &[(&str, String)]) -> anyhow::Result<String> {
    for (name, value) in settings {
        ensure!(value == "on", "PostgreSQL runs with {name}={value}");
    }
    let said: Vec<_> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(said.join(", "))
}

#[async_trait]
impl Peer for Postgres {
    fn version(&self) -> String {
        format!(
            "tokio-postgres {}",
            crate::machine::version_of("tokio-postgres")
        )
    }

    async fn settings(&mut self) -> anyhow::Result<String> {
        let mut said = Vec::new();
        for name in SETTINGS {
            let row = self.client.query_one(&format!("SHOW {name}"), &[]).await?;
            said.push((name, row.try_get(0)?));
        }
        describe(&said)
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        self.client.batch_execute("VACUUM ANALYZE articles").await?;
        Ok(self.client.batch_execute("CHECKPOINT").await?)
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>> {
        Ok(self
            .query(&self.statements.get, &[&i64::from(id)])
            .await?
            .pop())
    }

    async fn create(&mut self, article: Article) -> anyhow::Result<()> {
        insert(&self.client, &self.statements.insert, &article).await
    }

    /// One transaction; its statements are sent without waiting for the replies of those before.
    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        let transaction = self.client.transaction().await?;
        let inserts = articles
            .iter()
            .map(|article| insert(&transaction, &self.statements.insert, article));
        future::try_join_all(inserts).await?;
        Ok(transaction.commit().await?)
    }

    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>> {
        self.query(&self.statements.by_author, &[&author]).await
    }

    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>> {
        let [first, second, third] = &authors;
        self.query(&self.statements.by_authors, &[first, second, third])
            .await
    }

    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>> {
        self.query(&self.statements.page_after, &[&published, &(PAGE as i64)])
            .await
    }

    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.query(&self.statements.lowest, &[&(FIRST as i64)])
            .await
    }

    async fn highest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.query(&self.statements.highest, &[&(FIRST as i64)])
            .await
    }

    async fn longest(&mut self) -> anyhow::Result<Vec<Article>> {
        self.query(&self.statements.longest, &[&(FIRST as i64)])
            .await
    }

    async fn close(self: Box<Self>) -> anyhow::Result<()> {
        drop(self.client);
        Ok(self.connection.await?)
    }
}

async fn insert(
    client: &impl tokio_postgres::GenericClient,
    statement: &Statement,
    article: &Article,
) -> anyhow::Result<()> {
    let id = i64::from(article.id);
    let params: [&(dyn ToSql + Sync); 8] = [
        &id,
        &article.author,
        &article.title,
        &article.body,
        &article.tags,
        &article.published,
        &article.score,
        &article.words,
    ];
    client.execute(statement, &params).await?;
    Ok(())
}

fn decode(row: &Row) -> anyhow::Result<Article> {
    Ok(Article {
        id: u32::try_from(row.try_get::<_, i64>(0)?)?,
        author: row.try_get(1)?,
        title: row.try_get(2)?,
        body: row.try_get(3)?,
        tags: row.try_get(4)?,
        published: row.try_get(5)?,
        score: row.try_get(6)?,
        words: row.try_get(7)?,
    })
}
