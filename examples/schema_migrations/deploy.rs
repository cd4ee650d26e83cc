//! The deploy, step by step, while both programs work.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use smarterbase::{port::CasStore, prelude::*};
use tokio::time::{Instant, sleep};

use crate::{
    catalogue::Catalogue,
    journal::{Journal, Phase, Program, Said, Shared},
    model::Product,
    old_program::{self, OldProgram},
    options::RunOptions,
    report::Line,
    store, summary, watch,
    writers::{self, TODAY},
};

/// How long both programs work side by side before the older one's writes are refused.
const SIDE_BY_SIDE: Duration = Duration::from_secs(1);
/// What takes longer than this does not happen any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after the floor the definitions are begun: later than the upgrade, so that most products are left to it.
const HEAD_START: Duration = Duration::from_secs(1);
/// Between two lines of the time line in which nothing special happened.
const TICK: Duration = Duration::from_secs(2);
/// How many products somebody reads before the upgrade and saves after it.
const HELD: usize = 16;

/// Runs all of it, and gives what was said and seen.
pub(crate) async fn run(options: &RunOptions, catalogue: &Catalogue) -> anyhow::Result<Journal> {
    let store = store::raw(&options.url).await?;
    let deploy = Deploy {
        options,
        catalogue,
        program: old_program::find(options).await?,
        store: store.clone(),
        journal: Shared::new(options.copies),
        start: Instant::now(),
    };
    tokio::select! {
        never = watch::watch(&store, &deploy.journal) => match never? {},
        never = deploy.tell_again_and_again() => match never? {},
        ran = deploy.run() => ran?,
    }
    watch::look(&store, &deploy.journal).await?;
    let journal = deploy.journal.lock().clone();
    Ok(journal)
}

struct Deploy<'a> {
    options: &'a RunOptions,
    catalogue: &'a Catalogue,
    /// The older program, built.
    program: PathBuf,
    store: Arc<dyn CasStore>,
    journal: Shared,
    start: Instant,
}

impl Deploy<'_> {
    async fn run(&self) -> anyhow::Result<()> {
        let stored = self.catalogue.store(&self.store, 0..=2).await?;
        self.tell(&format!(
            "{stored} products of v0 to v2 lie there, as files"
        ))
        .await?;
        let ids = self.catalogue.busy(0..=2);
        let old = OldProgram::start(&self.program, &self.options.url, ids, &self.journal)?;
        self.until(&old, self.options.enough.served, Phase::Before, is_write)
            .await;
        self.tell("the older program, which knows v2, reads and writes")
            .await?;
        self.newer_program(&old).await?;
        old.stop().await?;
        self.tell("both programs ended").await
    }

    async fn newer_program(&self, old: &OldProgram) -> anyhow::Result<()> {
        self.enter(Phase::Deploy);
        let stored = self.catalogue.store(&self.store, 3..=3).await?;
        let db = smarterbase::open(store::database(&self.options.url)).await?;
        self.tell(&format!(
            "the newer program begins, with {stored} products of v3"
        ))
        .await?;
        let (is_over, ids) = (AtomicBool::new(false), self.catalogue.busy(0..=3));
        let writers = writers::writers(&db, &ids, self.options.seed, &self.journal);
        let work = writers
            .into_iter()
            .map(|writer| writer.work(|| is_over.load(Ordering::SeqCst)));
        let steps = async {
            let done = self.upgrade_while_others_work(&db, old).await;
            is_over.store(true, Ordering::SeqCst);
            done
        };
        let (_, done) = tokio::join!(futures::future::join_all(work), steps);
        db.close().await;
        done
    }

    async fn upgrade_while_others_work(&self, db: &Db, old: &OldProgram) -> anyhow::Result<()> {
        let held = self.hold(db).await?;
        sleep(SIDE_BY_SIDE).await;
        self.tell("both programs work; from here on the older one's writes are refused")
            .await?;
        let (upgraded, built) = futures::try_join!(self.upgrade(db), self.rebuild(db))?;
        self.enter(Phase::After);
        self.journal.lock().upgraded = usize::try_from(upgraded)?;
        self.tell(&format!(
            "the upgrade wrote {upgraded} products, and {built} definitions were built"
        ))
        .await?;
        self.save(db, held).await?;
        self.until(
            old,
            self.options.enough.refused,
            Phase::After,
            Said::is_refusal,
        )
        .await;
        self.tell("the older program still asks, and is refused")
            .await
    }

    /// Gives how many products it wrote.
    async fn upgrade(&self, db: &Db) -> smarterbase::Result<u64> {
        let upgrade = db.migrate::<Product>().raise_floor();
        let done = upgrade.per_second(self.options.per_second).await?;
        Ok(done.upgraded)
    }

    /// Definitions over what the steps make are built as soon as no older program writes any more. Gives how many.
    async fn rebuild(&self, db: &Db) -> smarterbase::Result<usize> {
        while db.migrate::<Product>().floor().await? < TODAY {
            sleep(Duration::from_millis(50)).await;
        }
        sleep(HEAD_START).await;
        let report = db.rebuild_indexes::<Product>().await?;
        Ok(report.built.len())
    }

    /// Reads products that nobody else writes but the upgrade.
    async fn hold(&self, db: &Db) -> smarterbase::Result<Vec<Stored<Product>>> {
        let ids = self.catalogue.quiet().into_iter();
        let keys = ids.filter_map(|id| id.parse().ok()).step_by(8).take(HELD);
        let products = Product::get_many(db, keys.collect::<Vec<_>>()).await?;
        Ok(products.into_iter().flatten().collect())
    }

    /// Saves them although they were upgraded meanwhile: nobody else changed them, so it is no conflict.
    async fn save(&self, db: &Db, held: Vec<Stored<Product>>) -> smarterbase::Result<()> {
        for mut product in held {
            let before = product.revision();
            product.stock += 4;
            product.save(db).await?;
            let write = writers::write(&product, 4);
            let mut journal = self.journal.lock();
            journal.held += usize::from(write.revision == before + 2);
            drop(journal);
            self.journal.record(Program::New, Line::Wrote(write));
        }
        Ok(())
    }

    fn enter(&self, phase: Phase) {
        self.journal.lock().phase = phase;
    }

    /// Waits until the older program said so many such lines.
    async fn until(
        &self,
        old: &OldProgram,
        wanted: usize,
        phase: Phase,
        is_meant: fn(&Said) -> bool,
    ) {
        let begin = Instant::now();
        while self.journal.lock().count(Program::Old, phase, is_meant) < wanted
            && begin.elapsed() < PATIENCE
            && !old.is_over()
        {
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn tell_again_and_again(&self) -> anyhow::Result<Infallible> {
        loop {
            sleep(TICK).await;
            self.tell("").await?;
        }
    }

    /// A line of the time line: what happened, and how many products there are of each version.
    async fn tell(&self, what: &str) -> anyhow::Result<()> {
        let versions = watch::look(&self.store, &self.journal).await?;
        summary::moment(self.start.elapsed(), what, &versions);
        Ok(())
    }
}

fn is_write(said: &Said) -> bool {
    said.write().is_some()
}
