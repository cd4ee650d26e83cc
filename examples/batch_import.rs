//! Imports 1,000 readings with a progress bar, stops half-way as a crash would, goes on, and changes all of them in batches.
//!
//! `cargo run --example batch_import` works on a folder of its own, which it removes. The exit code says whether it went well.

#![allow(missing_docs, reason = "the program is the documentation")]
#![allow(clippy::print_stdout, reason = "an example shows what happened")]

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};
use smarterbase::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "readings", new(NewReading), unsealed)]
struct Reading {
    #[key(auto)]
    id: Id<Reading>,
    #[unique]
    number: u32,
    #[index]
    sensor: String,
    value: f64,
}

const READINGS: u32 = 1_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = smarterbase::open(folder.path().to_string_lossy()).await?;
    import(&db).await?;
    change(&db).await?;
    db.close().await;
    Ok(())
}

/// The same items in the same order, whenever it is called.
fn source() -> impl Iterator<Item = NewReading> + Send {
    (0..READINGS).map(|number| NewReading {
        number,
        sensor: format!("sensor-{}", number % 7),
        value: f64::from(number) / 10.0,
    })
}

async fn import(db: &Db) -> anyhow::Result<()> {
    // A source that breaks half-way stands for a process that dies.
    let broken = source().take(460).map(Ok);
    let broken = broken.chain([Err(smarterbase::Error::abort("the line is cut"))]);
    let cut = Reading::import_stream(db, "first", futures::stream::iter(broken));
    let cut = cut.batch_size(100).await;
    println!("cut       {}", cut.expect_err("the source breaks"));

    let bar = bar("import", READINGS.into());
    let report = Reading::import(db, "first", source())
        .batch_size(100)
        .on_progress(|progress| bar.set_position(progress.ended()))
        .await?;
    bar.finish_and_clear();
    println!(
        "imported  {} readings, {} of them before the cut",
        report.items, report.skipped
    );
    ensure!(report.items == 1_000 && report.created == 1_000 && report.failed == 0);
    ensure!(report.skipped == 400);
    ensure!(Reading::query(db).scan().count().await? == 1_000);
    Ok(())
}

async fn change(db: &Db) -> anyhow::Result<()> {
    let mut readings = Vec::new();
    for sensor in ["sensor-0", "sensor-1"] {
        readings.extend(Reading::find_by_sensor(db, sensor).await?);
    }
    for reading in &mut readings {
        reading.value *= 2.0;
    }
    let bar = bar("save", readings.len() as u64);
    let saved = Reading::save_many(db, &mut readings)
        .on_progress(|progress| bar.set_position(progress.ended()));
    let failed = saved.await?.into_iter().filter(Result::is_err).count();
    bar.finish_and_clear();
    println!("saved     {} readings, {failed} failed", readings.len());
    ensure!(failed == 0 && readings.len() == 286);
    Ok(())
}

fn bar(name: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len} {per_sec}");
    let bar = ProgressBar::new(length).with_message(name);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
