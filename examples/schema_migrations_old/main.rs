//! The program that ran before the last deploy, and goes on running through it. The example `schema_migrations` starts it.
//!
//! ```text
//! cargo run --example schema_migrations_old -- --url URL ID…
//! ```
//!
//! It knows the products as they were one version before, and has the locks of that version. Until its input ends it
//! reads the products of these ids, puts pieces into stock, asks for a brand and makes products, and says on its output
//! what came of it, a line of JSON each (`report.rs`).

#![allow(clippy::print_stdout, reason = "its output is its report")]

mod model;
mod report;

use std::{
    io::Read,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use smarterbase::{Result, prelude::*};

use crate::{
    model::{NewProduct, Product},
    report::{Facts, Line, Write},
};

/// The last deploy's program: works until its input ends.
#[derive(Debug, clap::Parser)]
struct Options {
    /// The store
    #[arg(long)]
    url: String,
    /// The brand that it asks for now and then
    #[arg(long, default_value = "Umbra")]
    brand: String,
    /// The products that it works on
    ids: Vec<String>,
}

/// Between two things it does.
const PAUSE: Duration = Duration::from_millis(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let db = smarterbase::open(&options.url).await?;
    let is_over = end_of_input();
    let mut rounds = 0;
    while !is_over.load(Ordering::SeqCst) {
        rounds += 1;
        for line in round(&db, options, rounds).await {
            tell(&line);
        }
        tokio::time::sleep(PAUSE).await;
    }
    db.close().await;
    Ok(())
}

/// Becomes true when the supervisor closes the input, or dies.
fn end_of_input() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = is_over.clone();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = std::io::stdin().lock().read_to_end(&mut rest);
        told.store(true, Ordering::SeqCst);
    });
    is_over
}

fn tell(line: &Line) {
    println!("{}", serde_json::to_string(line).expect("a line is JSON"));
}

/// Every tenth round asks for a brand and makes a product, and the others work on one.
async fn round(db: &Db, options: &Options, number: usize) -> Vec<Line> {
    let chosen = options.ids.get(number * 7 % options.ids.len().max(1));
    match chosen {
        Some(id) if !number.is_multiple_of(10) => work_on(db, id).await,
        _ => vec![
            or_refused("find", found(db, &options.brand).await),
            or_refused("create", made(db, number).await),
        ],
    }
}

async fn work_on(db: &Db, id: &str) -> Vec<Line> {
    let key: Id<Product> = match id.parse() {
        Ok(key) => key,
        Err(_) => return vec![],
    };
    vec![
        or_refused("get", read(db, &key).await),
        or_refused("update", restocked(db, &key).await),
        or_refused("save", saved(db, &key).await),
    ]
}

async fn read(db: &Db, key: &Id<Product>) -> Result<Line> {
    let product = Product::get(db, key).required().await?;
    Ok(Line::Read(facts(&product)))
}

async fn restocked(db: &Db, key: &Id<Product>) -> Result<Line> {
    let product = Product::update(db, key, |product| {
        product.stock += 1;
        Ok(())
    })
    .await?;
    Ok(Line::Wrote(write(&product, 1)))
}

async fn saved(db: &Db, key: &Id<Product>) -> Result<Line> {
    let mut product = Product::get(db, key).required().await?;
    product.stock += 2;
    product.save(db).await?;
    Ok(Line::Wrote(write(&product, 2)))
}

async fn found(db: &Db, brand: &str) -> Result<Line> {
    let products = Product::find_by_brand(db, brand).await?;
    Ok(Line::Found {
        brand: brand.to_owned(),
        ids: products
            .iter()
            .map(|product| product.id.to_string())
            .collect(),
    })
}

async fn made(db: &Db, number: usize) -> Result<Line> {
    let new = NewProduct {
        sku: format!("old-{}-{number}", std::process::id()),
        brand: "Old".to_owned(),
        title: format!("Product {number}"),
        price: format!("{number}.09"),
        place: None,
        stock: 5,
    };
    let product = Product::create(db, new).await?;
    Ok(Line::Created(facts(&product), write(&product, 5)))
}

fn write(product: &Stored<Product>, added: u64) -> Write {
    Write {
        id: product.id.to_string(),
        revision: product.revision(),
        version: product.meta().schema_version,
        added,
    }
}

fn facts(product: &Product) -> Facts {
    Facts {
        id: product.id.to_string(),
        sku: product.sku.clone(),
        brand: product.brand.clone(),
        title: product.title.clone(),
        cents: product.price.replace('.', "").parse().unwrap_or(u64::MAX),
        place: product.place.clone(),
    }
}

/// An error of the library that says that this program is too old is an answer; so is a lost race. Another one is not.
fn or_refused(what: &str, line: Result<Line>) -> Line {
    let what = what.to_owned();
    match line {
        Ok(line) => line,
        Err(error) if is_polite(&error) => Line::Refused {
            what,
            code: error.code().to_owned(),
        },
        Err(error) => Line::Failed {
            what,
            error: error.to_string(),
        },
    }
}

fn is_polite(error: &smarterbase::Error) -> bool {
    error.code() == "SB-UNSUPPORTED-SCHEMA" || error.kind() == ErrorKind::Conflict
}
