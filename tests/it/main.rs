//! The facade under attack: one binary, one module per thing that users do or rely on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a failing test shows its report")]

mod anomalies;
mod asking;
mod bad_input;
mod batches;
mod brittle;
mod cascades;
mod conditions;
mod cost;
mod counter_faults;
mod counters;
mod expiry;
mod explained;
mod faults;
mod histories;
mod history;
mod idempotency;
mod idempotency_faults;
mod keys;
mod letter_case;
mod list_append;
#[cfg(feature = "local-index")]
mod local_index;
mod lock_faults;
mod lock_fences;
mod lock_holders;
mod lock_simulation;
mod lock_waiting;
mod locks;
mod maintenance;
mod monitor;
mod order_rules;
mod outage;
mod outage_rules;
mod planning;
mod queries;
mod question;
mod references;
mod rounds;
mod rules;
mod sequences;
mod traced;
mod transaction_cost;
mod transaction_faults;
mod transaction_rules;
mod transactions;
mod user;
mod verify;
mod waking;
mod warm_scans;
mod writing;
