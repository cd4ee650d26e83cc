//! The systems that are compared, and the servers below them.

use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};

use crate::{
    peer::{Distance, Indexes, NativeDb, Peer, Postgres, Services, SmarterBase, Sqlite, Toasty},
    servers::{install, postgres::PostgresServer},
};

/// One column of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum System {
    Sqlite,
    Postgres,
    ToastySqlite,
    ToastyPostgres,
    NativeDb,
    Folder,
    Local,
    S3,
    S3Far,
}

impl System {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::ToastySqlite => "toasty, SQLite",
            Self::ToastyPostgres => "toasty, PostgreSQL",
            Self::NativeDb => "native_db",
            Self::Folder => "SmarterBase, folder",
            Self::Local => "SmarterBase, folder, local index",
            Self::S3 => "SmarterBase, S3 0 ms",
            Self::S3Far => "SmarterBase, S3 10/20 ms",
        }
    }

    /// Whether a reply to a write means that a disk has it.
    pub(crate) fn is_durable(self) -> bool {
        !self.needs_s3()
    }

    fn needs_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::ToastyPostgres)
    }

    fn needs_s3(self) -> bool {
        matches!(self, Self::S3 | Self::S3Far)
    }
}

/// A system, open.
pub(crate) struct Contestant {
    pub(crate) system: System,
    pub(crate) peer: Box<dyn Peer>,
}

/// The servers that the chosen systems need; they end when it is dropped.
pub(crate) struct Servers {
    postgres: Option<PostgresServer>,
    services: Option<Services>,
}

impl Servers {
    /// Call it from the main thread, and outside of a runtime.
    ///
    /// # Errors
    /// When a server is missing and cannot be installed, or does not start; the message says what to do.
    pub(crate) fn start(systems: &[System], folder: &Path) -> anyhow::Result<Self> {
        let wants = |needs: fn(System) -> bool| systems.iter().any(|system| needs(*system));
        let postgres = wants(System::needs_postgres)
            .then(|| PostgresServer::start(folder))
            .transpose()?;
        let services = wants(System::needs_s3).then(start_services).transpose()?;
        Ok(Self { postgres, services })
    }

    /// What they say that they are.
    pub(crate) fn versions(&self) -> anyhow::Result<Vec<String>> {
        let postgres = self
            .postgres
            .iter()
            .map(|server| Ok(server.version().to_owned()));
        let redis = self
            .services
            .iter()
            .map(|services| redis_version(&services.redis));
        postgres.chain(redis).collect()
    }

    /// Opens one system, empty.
    pub(crate) async fn open(
        &self,
        system: System,
        all: &[System],
        folder: &Path,
    ) -> anyhow::Result<Contestant> {
        let peer: Box<dyn Peer> = match system {
            System::Sqlite => Box::new(Sqlite::open(folder)?),
            System::Postgres => Box::new(Postgres::open(self.postgres()?).await?),
            System::ToastySqlite => Box::new(Toasty::on_sqlite(folder).await?),
            System::ToastyPostgres => Box::new(Toasty::on_postgres(self.postgres()?).await?),
            System::NativeDb => Box::new(NativeDb::open(folder)?),
            System::Folder => {
                let folder = folder.join("smarterbase");
                Box::new(SmarterBase::in_folder(folder, Indexes::Objects).await?)
            }
            System::Local => {
                let folder = folder.join("smarterbase-local");
                Box::new(SmarterBase::in_folder(folder, Indexes::Local).await?)
            }
            System::S3 => Box::new(SmarterBase::on(self.services()?, Distance::Near, true).await?),
            System::S3Far => {
                // What the near one loads is there for the far one too.
                let loads = !all.contains(&System::S3);
                Box::new(SmarterBase::on(self.services()?, Distance::Far, loads).await?)
            }
        };
        Ok(Contestant { system, peer })
    }

    fn postgres(&self) -> anyhow::Result<&PostgresServer> {
        self.postgres.as_ref().context("PostgreSQL was not started")
    }

    fn services(&self) -> anyhow::Result<&Services> {
        self.services
            .as_ref()
            .context("S3 and Redis were not started")
    }
}

fn start_services() -> anyhow::Result<Services> {
    install::redis()?;
    let redis = RedisServer::start(&[])?;
    // It serves on threads of its own; only its beginning is awaited.
    let s3 = futures::executor::block_on(S3Server::start())?;
    Ok(Services { s3, redis })
}

fn redis_version(server: &RedisServer) -> anyhow::Result<String> {
    let said: redis::InfoDict = redis::cmd("INFO")
        .arg("server")
        .query(&mut server.connect()?)?;
    let version: String = said
        .get("redis_version")
        .context("Redis does not tell its version")?;
    Ok(format!("Redis {version}, without persistence"))
}
