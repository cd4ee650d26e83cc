//! Visits every interleaving of small configurations of transactions: the shipped step machines, composed as the engine
//! composes them, with lost, late and doubled requests, false rejections and crashes. Everything that every client saw and
//! was told must have one serial order. And asserts that breaking any one rule is noticed.

#[path = "transaction_model/broken.rs"]
mod broken;
#[path = "transaction_model/claimer.rs"]
mod claimer;
#[path = "transaction_model/claims.rs"]
mod claims;
#[path = "transaction_model/client.rs"]
mod client;
#[path = "transaction_model/documents.rs"]
mod documents;
#[path = "transaction_model/explorer.rs"]
mod explorer;
#[path = "transaction_model/facts.rs"]
mod facts;
#[path = "transaction_model/hasher.rs"]
mod hasher;
#[path = "transaction_model/helpers.rs"]
mod helpers;
#[path = "transaction_model/job.rs"]
mod job;
#[path = "transaction_model/library.rs"]
mod library;
#[path = "transaction_model/medic.rs"]
mod medic;
#[path = "transaction_model/moves.rs"]
mod moves;
#[path = "transaction_model/mutants.rs"]
mod mutants;
#[path = "transaction_model/order.rs"]
mod order;
#[path = "transaction_model/plain.rs"]
mod plain;
#[path = "transaction_model/plan.rs"]
mod plan;
#[path = "transaction_model/preparation.rs"]
mod preparation;
#[path = "transaction_model/ranges.rs"]
mod ranges;
#[path = "transaction_model/scenario.rs"]
mod scenario;
#[path = "transaction_model/shape.rs"]
mod shape;
#[path = "transaction_model/transaction.rs"]
mod transaction;
#[path = "transaction_model/truth.rs"]
mod truth;
#[path = "transaction_model/world.rs"]
mod world;
