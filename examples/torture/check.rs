//! The promises, proved on a database that was opened anew.

use std::collections::{BTreeMap, BTreeSet};

use smarterbase::{Result, prelude::*};

use crate::{
    history::History,
    journal::Journal,
    model::{self, Player},
};

/// What the checker looked at, and what was wrong.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) live: usize,
    pub(crate) holders: usize,
    pub(crate) free: usize,
    pub(crate) revisions: usize,
    pub(crate) queries: usize,
    pub(crate) found: usize,
    /// Queries that read fewer documents than there are: an index served them.
    pub(crate) served: usize,
    pub(crate) broken: Vec<String>,
}

/// Proves the promises, as far as this journal allows.
pub(crate) async fn check(db: &Db, journal: &Journal) -> Result<Findings> {
    let players = model::players(db).await?;
    let mut findings = Findings {
        live: players.len(),
        ..Findings::default()
    };
    findings.broken.extend(journal.broken.iter().cloned());
    check_histories(&players, journal, &mut findings);
    check_unique(db, &players, &mut findings).await;
    check_queries(db, &players, &mut findings).await;
    check_free_values(db, &players, &mut findings).await;
    Ok(findings)
}

/// Every answer was true.
fn check_histories(players: &[Stored<Player>], journal: &Journal, findings: &mut Findings) {
    let stored: BTreeMap<&str, &Stored<Player>> = players
        .iter()
        .map(|player| (player.slot.as_str(), player))
        .collect();
    let written = journal
        .operations
        .values()
        .map(|operation| operation.intent.slot.as_str());
    let slots: BTreeSet<&str> = written.chain(stored.keys().copied()).collect();
    for slot in slots {
        let history = History::new(slot, journal, stored.get(slot).copied());
        findings.revisions += history.revisions();
        findings.broken.extend(history.broken);
    }
}

/// A unique value has at most one live holder, and its finder gives exactly that one.
async fn check_unique(db: &Db, players: &[Stored<Player>], findings: &mut Findings) {
    for nickname in model::nicknames() {
        let holders: Vec<&str> = players
            .iter()
            .filter(|player| player.nickname.as_ref() == Some(&nickname))
            .map(|player| player.slot.as_str())
            .collect();
        findings.holders += holders.len();
        if holders.len() > 1 {
            let holders = holders.join(", ");
            findings.breach(format!("{nickname} has several holders: {holders}"));
            continue;
        }
        match Player::find_by_nickname(db, &nickname).await {
            Err(error) => findings.breach(format!("{nickname} cannot be found: {error}")),
            Ok(found) => {
                let found = found.as_ref().map(|player| player.slot.as_str());
                if found != holders.first().copied() {
                    let text = format!(
                        "{nickname} is held by {holders:?}, but its finder gives {found:?}"
                    );
                    findings.breach(text);
                }
            }
        }
    }
}

/// Every live document is found through each of its indexes, and nothing else is.
async fn check_queries(db: &Db, players: &[Stored<Player>], findings: &mut Findings) {
    for team in model::teams() {
        let query = Player::find_by_team(db, &team);
        check_query(
            db,
            players,
            &team,
            query,
            |player| player.team == team,
            findings,
        )
        .await;
    }
    for badge in model::badges() {
        let query = Player::find_by_badges(db, &badge);
        check_query(
            db,
            players,
            &badge,
            query,
            |player| player.badges.contains(&badge),
            findings,
        )
        .await;
    }
}

/// A query gives what matches, all of it, each once. This handle does nothing else meanwhile.
async fn check_query(
    db: &Db,
    players: &[Stored<Player>],
    value: &str,
    query: impl IntoFuture<Output = Result<Vec<Stored<Player>>>>,
    matches: impl Fn(&Player) -> bool,
    findings: &mut Findings,
) {
    let before = db.request_counts().snapshot();
    let found = match query.await {
        Ok(found) => found,
        Err(error) => return findings.breach(format!("the query for {value} failed: {error}")),
    };
    let spent = db.request_counts().snapshot() - before;
    findings.served += usize::from(spent.gets < players.len() as u64);
    let mut given: Vec<&str> = found.iter().map(|player| player.slot.as_str()).collect();
    given.sort_unstable();
    let matching = players.iter().filter(|player| matches(player));
    let expected: Vec<&str> = matching.map(|player| player.slot.as_str()).collect();
    findings.queries += 1;
    findings.found += given.len();
    if given != expected {
        findings.breach(format!(
            "the query for {value} gave {given:?} instead of {expected:?}"
        ));
    }
}

/// Whatever a killed process left behind, a value that nobody holds can be taken and given back.
async fn check_free_values(db: &Db, players: &[Stored<Player>], findings: &mut Findings) {
    let held: BTreeSet<&String> = players
        .iter()
        .filter_map(|player| player.nickname.as_ref())
        .collect();
    for nickname in model::nicknames().filter(|nickname| !held.contains(nickname)) {
        findings.free += 1;
        if let Err(error) = take_and_give_back(db, &nickname).await {
            findings.breach(format!("nobody holds {nickname}, but: {error}"));
        }
    }
}

async fn take_and_give_back(db: &Db, nickname: &str) -> Result<()> {
    let player = Player {
        slot: format!("claimant-of-{nickname}"),
        nickname: Some(nickname.to_owned()),
        team: "checkers".to_owned(),
        badges: Vec::new(),
        trail: Vec::new(),
    };
    Player::create(db, player).await?.remove(db).await
}

impl Findings {
    fn breach(&mut self, what: String) {
        self.broken.push(what);
    }
}
