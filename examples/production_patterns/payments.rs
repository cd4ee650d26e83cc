//! Creation that may be repeated: requests fail, replies are lost, two clients send the same, and each payment is there once.

use std::{sync::Arc, time::Duration};

use futures::future::try_join_all;
use smarterbase::{Result, port::CasStore, prelude::*, store::MemoryStore};
use smarterbase_testkit::{Fault, FaultStore};

use crate::{checks::Checks, model::Payment};

const PAYMENTS: u64 = 60;
/// How often a client tries before it gives up.
const ATTEMPTS: u32 = 8;
const FAULTS: [Fault; 5] = [
    Fault::FailBefore,
    Fault::LoseReply,
    Fault::Reject,
    Fault::Throttle,
    Fault::Unavailable,
];

pub(crate) async fn while_requests_fail(
    seed: u64,
    per_mille: u64,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    println!(
        "\n{PAYMENTS} payments, each sent by two clients, while {per_mille} of 1,000 requests fail"
    );
    let store: Arc<dyn CasStore> = Arc::new(MemoryStore::new());
    Db::builder()
        .store(store.clone())
        .open()
        .await?
        .close()
        .await; // The first open probes the store.
    let faulty = Arc::new(FaultStore::random(store.clone(), seed, per_mille, FAULTS));
    let db = Db::builder().store(faulty.clone()).open().await?;

    let payments: Vec<_> = (0..PAYMENTS).map(payment).collect();
    let sent = payments.iter().chain(&payments);
    let ends = try_join_all(sent.map(|payment| pay(&db, payment))).await?;
    let repeated = ends.iter().filter(|is_first| !**is_first).count();
    println!(
        "  {} requests failed, {repeated} times the payment was there already",
        faulty.hits()
    );
    db.close().await;

    let db = Db::builder().store(store).open().await?;
    let stored = Payment::list(&db).await?;
    let stored: Vec<_> = stored.into_iter().map(Stored::into_inner).collect();
    checks.holds(
        "every payment is there, once, as it was sent",
        stored == payments,
    );
    checks.at_least("payments that were there already", repeated, 60);
    checks.at_least("requests that failed", usize::try_from(faulty.hits())?, 20);
    Ok(())
}

fn payment(number: u64) -> Payment {
    Payment {
        request: format!("request-{number:03}"),
        cents: 100 * number,
    }
}

/// Whether this call made the payment, or found it.
///
/// `Unavailable` says that nothing happened: try again, later. `OutcomeUnknown` says that it may have happened; because the
/// key is the caller's, trying again tells.
async fn pay(db: &Db, payment: &Payment) -> Result<bool> {
    let mut attempt = 1;
    loop {
        let error = match Payment::create(db, payment.clone()).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Conflict => return Ok(false),
            ErrorKind::Unavailable | ErrorKind::OutcomeUnknown if attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                attempt += 1;
            }
            _ => return Err(error),
        }
    }
}
