//! SmarterBase: in a folder of this disk, with its indexes as files beside the documents or in one file, and on S3 with its
//! indexes in Redis.

mod distance;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use smarterbase::{
    Db, LocalIndex, LocalOptions,
    prelude::{DocumentExt, Stored},
    store::{FileOptions, FileStore},
};
use smarterbase_core::store::probe::deletes_conditionally;
use smarterbase_redis::{RedisIndex, RedisOptions};
use smarterbase_s3::{Credentials, ObjectStoreOptions};
use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};

pub(crate) use self::distance::Distance;
use super::{FIRST, PAGE, Peer};
use crate::{article::Article, operation::Operation};

/// The whole collection may be read by a query that sorts without an index; by default 10,000 documents are the limit.
const BUDGET: usize = usize::MAX;
/// For replies of Redis, instead of 250 ms: on a busy machine one late reply would make a query read every document.
const REDIS_DEADLINE: Duration = Duration::from_secs(5);

/// A database of SmarterBase, wherever it lies.
pub(crate) struct SmarterBase {
    db: Db,
    place: Place,
}

enum Place {
    /// No service.
    Folder(PathBuf, Indexes),
    /// An S3 server and a Redis. `loader` is a near connection to the same store; without one, another peer loads it.
    Remote {
        distance: Distance,
        loader: Option<Db>,
    },
}

/// Where a database in a folder keeps its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Indexes {
    /// Empty files beside the documents, the default.
    Objects,
    /// One file: `index=local`.
    Local,
}

/// The services of a remote database.
pub(crate) struct Services {
    pub(crate) s3: S3Server,
    pub(crate) redis: RedisServer,
}

impl SmarterBase {
    /// Opens a folder without fsync, to be loaded; [`settle`](Peer::settle) switches it on.
    pub(crate) async fn in_folder(folder: PathBuf, indexes: Indexes) -> anyhow::Result<Self> {
        let db = open_folder(&folder, indexes, false).await?;
        Ok(Self {
            db,
            place: Place::Folder(folder, indexes),
        })
    }

    pub(crate) async fn on(
        services: &Services,
        distance: Distance,
        loads: bool,
    ) -> anyhow::Result<Self> {
        let loader = if loads {
            Some(services.open(Distance::Near).await?)
        } else {
            None
        };
        Ok(Self {
            db: services.open(distance).await?,
            place: Place::Remote { distance, loader },
        })
    }

    fn is_far(&self) -> bool {
        matches!(
            self.place,
            Place::Remote {
                distance: Distance::Far,
                ..
            }
        )
    }
}

async fn open_folder(folder: &Path, indexes: Indexes, fsync: bool) -> anyhow::Result<Db> {
    let options = FileOptions {
        fsync,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.to_owned(), options).await?;
    let mut builder = Db::builder().store(Arc::new(store));
    if indexes == Indexes::Local {
        let file = folder.join(".sb/index.redb");
        let index = LocalIndex::open(file, LocalOptions::default()).await?;
        builder = builder.index(Arc::new(index));
    }
    Ok(builder.open().await?)
}

impl Services {
    /// As `smarterbase::open` does for an `s3://` URL with `redis=`; that one takes no connector of ours.
    async fn open(&self, distance: Distance) -> anyhow::Result<Db> {
        let (id, secret) = (self.s3.access_key(), self.s3.secret_key());
        let options = ObjectStoreOptions::from_url(&self.s3.url("articles"))?
            .with_credentials(Credentials::access_key(id, secret))
            .with_http_connector(distance);
        let storage = options.connect()?;
        let redis = RedisOptions::from_url(&self.redis.url())?;
        let index = RedisIndex::open(redis.with_deadline(REDIS_DEADLINE)).await?;
        let probed = Arc::new(storage.clone().with_conditional_delete(true));
        let builder = Db::builder().store_chosen_by_probe(probed, move |report| {
            Arc::new(
                storage
                    .clone()
                    .with_conditional_delete(deletes_conditionally(report)),
            )
        });
        Ok(builder.index(Arc::new(index)).open().await?)
    }
}

#[async_trait]
impl Peer for SmarterBase {
    fn version(&self) -> String {
        format!("smarterbase {}", crate::machine::version_of("smarterbase"))
    }

    async fn settings(&mut self) -> anyhow::Result<String> {
        Ok(match self.place {
            Place::Folder(_, Indexes::Objects) => {
                "fsync on, the default: of every file and of the folder that names it"
            }
            Place::Folder(_, Indexes::Local) => {
                "fsync on, the default, for documents; the index is synced once a second, and made anew after a crash"
            }
            Place::Remote { .. } => {
                "none: the S3 server keeps its objects in memory, and Redis does not persist"
            }
        }
        .to_owned())
    }

    async fn load(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        match &self.place {
            Place::Folder(..) => create_many(&self.db, articles).await,
            Place::Remote {
                loader: Some(near), ..
            } => create_many(near, articles).await,
            Place::Remote { loader: None, .. } => Ok(()),
        }
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        match &mut self.place {
            Place::Folder(folder, indexes) => {
                // First, since one at a time has the file of the index.
                self.db.clone().close().await;
                self.db = open_folder(folder, *indexes, true).await?;
            }
            Place::Remote { loader, .. } => {
                if let Some(near) = loader.take() {
                    near.close().await;
                }
            }
        }
        Ok(())
    }

    async fn get(&mut self, id: u32) -> anyhow::Result<Option<Article>> {
        Ok(Article::get(&self.db, &id).await?.map(Stored::into_inner))
    }

    async fn create(&mut self, article: Article) -> anyhow::Result<()> {
        Article::create(&self.db, article).await?;
        Ok(())
    }

    async fn create_many(&mut self, articles: Vec<Article>) -> anyhow::Result<()> {
        create_many(&self.db, articles).await
    }

    /// A finder gives its documents by value, then by id; there is one value.
    async fn by_author(&mut self, author: &str) -> anyhow::Result<Vec<Article>> {
        Ok(articles(Article::find_by_author(&self.db, author).await?))
    }

    async fn by_authors(&mut self, authors: [&str; 3]) -> anyhow::Result<Vec<Article>> {
        let query = Article::query(&self.db).filter(|article| article.author.is_in(authors));
        Ok(articles(query.await?))
    }

    async fn page_after(&mut self, published: i64) -> anyhow::Result<Vec<Article>> {
        let page = Article::find_by_published_in(&self.db, published + 1..)
            .page(PAGE)
            .await?;
        Ok(articles(page.items))
    }

    async fn lowest(&mut self) -> anyhow::Result<Vec<Article>> {
        let query = Article::query(&self.db).order_by(|article| article.score.asc());
        Ok(articles(query.limit(FIRST).await?))
    }

    async fn highest(&mut self) -> anyhow::Result<Vec<Article>> {
        let query = Article::query(&self.db).order_by(|article| article.score.desc());
        Ok(articles(query.limit(FIRST).await?))
    }

    async fn longest(&mut self) -> anyhow::Result<Vec<Article>> {
        let all = Article::query(&self.db).scan().budget(BUDGET);
        let query = all.order_by(|article| article.words.desc());
        Ok(articles(query.limit(FIRST).await?))
    }

    fn declines(&self, operation: Operation) -> Option<&'static str> {
        let is_far = matches!(self.place, Place::Remote { .. });
        (is_far && operation == Operation::Longest).then_some(
            "SmarterBase on S3 is not asked: one GET for every document. It refuses this above 10,000 documents by default.",
        )
    }

    fn remark(&self, operation: Operation) -> Option<&'static str> {
        Some(match operation {
            Operation::Batch => {
                "SmarterBase's `create_many` is no transaction: 32 creates run at a time, each stands for itself."
            }
            Operation::Longest => {
                "SmarterBase refuses this above 10,000 documents by default; the budget was raised for the folder."
            }
            _ => return None,
        })
    }

    fn first_number(&self) -> usize {
        // Near and far write into one store.
        if self.is_far() { 1 << 29 } else { 0 }
    }

    async fn close(self: Box<Self>) -> anyhow::Result<()> {
        self.db.close().await;
        Ok(())
    }
}

async fn create_many(db: &Db, articles: Vec<Article>) -> anyhow::Result<()> {
    for created in Article::create_many(db, articles).await? {
        created?;
    }
    Ok(())
}

fn articles(found: Vec<Stored<Article>>) -> Vec<Article> {
    found.into_iter().map(Stored::into_inner).collect()
}
