//! One process that is killed: a few lanes, each doing one thing after the other.

use std::{
    future::Future,
    io::Read,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use smarterbase::{Error, ErrorKind, Result, prelude::*};

use crate::{
    chance::Chance,
    journal::{Action, Intent, Line, Outcome, send},
    model::{self, Player},
    options::WorkerOptions,
};

/// How many operations a process has in flight.
const LANES: u64 = 10;
/// How many of them change no index.
const TOUCHING_LANES: u64 = 2;
/// How many nicknames a claim looks at for a free one.
const LOOKS: usize = 3;

/// Works until the supervisor closes the input.
pub(crate) async fn run(options: WorkerOptions) -> anyhow::Result<ExitCode> {
    let db = smarterbase::open(&options.url).await?;
    let is_over = end_of_input();
    let lanes = (0..LANES).map(|number| Lane::new(&db, &options, number, &is_over).run());
    futures::future::join_all(lanes).await;
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Becomes true when standard input ends: on purpose, or because the supervisor died.
fn end_of_input() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let flag = is_over.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    is_over
}

struct Lane<'a> {
    db: &'a Db,
    chance: Chance,
    name: String,
    writes: u64,
    is_over: &'a AtomicBool,
    /// Changes no index. After an index was lost the replies to all other writes are held for seconds.
    only_touches: bool,
}

impl<'a> Lane<'a> {
    fn new(db: &'a Db, options: &WorkerOptions, number: u64, is_over: &'a AtomicBool) -> Self {
        let part = [options.number.into(), options.incarnation.into(), number];
        Self {
            db,
            chance: Chance::new(options.seed, &part),
            name: format!("{}.{}.{number}", options.number, options.incarnation),
            writes: 0,
            is_over,
            only_touches: number < TOUCHING_LANES,
        }
    }

    async fn run(mut self) {
        while !self.is_over.load(Ordering::Relaxed) {
            if self.chance.one_in(10) {
                self.query().await;
            } else {
                self.write().await;
            }
        }
    }

    async fn write(&mut self) {
        let slot = model::slot(&mut self.chance);
        match Player::get(self.db, &slot).await {
            Ok(Some(player)) if self.only_touches => self.touch(player).await,
            Ok(None) if self.only_touches => {}
            Ok(None) => self.create(slot).await,
            Ok(Some(player)) => self.change(player).await,
            Err(error) => unanswered(&error),
        }
    }

    async fn change(&mut self, player: Stored<Player>) {
        match self.chance.below(100) {
            0..35 => self.save(player).await,
            35..75 => self.claim(player).await,
            75..88 => self.update(player).await,
            _ => self.remove(player).await,
        }
    }

    async fn create(&mut self, slot: String) {
        let intent = self.intent(Action::Create, slot.clone(), None);
        let player = Player::new(slot, &intent.mark, &mut self.chance);
        attempt(intent, async {
            Ok(Player::create(self.db, player).await?.revision())
        })
        .await;
    }

    async fn save(&mut self, mut player: Stored<Player>) {
        let intent = self.intent(Action::Save, player.slot.clone(), Some(&player));
        player.shuffle(&mut self.chance);
        player.trail.push(intent.mark.clone());
        attempt(intent, self.saved(player)).await;
    }

    /// Changes nothing but the trail.
    async fn touch(&mut self, mut player: Stored<Player>) {
        let intent = self.intent(Action::Touch, player.slot.clone(), Some(&player));
        player.trail.push(intent.mark.clone());
        attempt(intent, self.saved(player)).await;
    }

    /// Takes a nickname that looks free, and sometimes one that does not.
    async fn claim(&mut self, mut player: Stored<Player>) {
        let Some((nickname, looked_free)) = self.look_for_nickname().await else {
            return;
        };
        let mut intent = self.intent(Action::Claim, player.slot.clone(), Some(&player));
        intent.looked_free = looked_free;
        player.nickname = Some(nickname);
        player.trail.push(intent.mark.clone());
        attempt(intent, self.saved(player)).await;
    }

    /// A free nickname, sometimes one that is held, or none.
    async fn look_for_nickname(&mut self) -> Option<(String, bool)> {
        for _ in 0..LOOKS {
            let nickname = model::nickname(&mut self.chance);
            let looked_free = match Player::find_by_nickname(self.db, &nickname).await {
                Ok(holder) => holder.is_none(),
                Err(error) => {
                    unanswered(&error);
                    return None;
                }
            };
            if looked_free || self.chance.one_in(8) {
                return Some((nickname, looked_free));
            }
        }
        None
    }

    /// Adds a badge, or gives the nickname back, whatever others do meanwhile.
    async fn update(&mut self, player: Stored<Player>) {
        let intent = self.intent(Action::Update, player.slot.clone(), None);
        let (mark, badge) = (intent.mark.clone(), model::badge(&mut self.chance));
        let gives_back = self.chance.one_in(2);
        let change = move |player: &mut Player| {
            player.trail.push(mark.clone());
            if gives_back {
                player.nickname = None;
            } else {
                player.badges.push(badge.clone());
            }
            Ok(())
        };
        attempt(intent, async {
            Ok(Player::update(self.db, &player.slot, change)
                .await?
                .revision())
        })
        .await;
    }

    async fn remove(&mut self, player: Stored<Player>) {
        let intent = self.intent(Action::Remove, player.slot.clone(), Some(&player));
        let tombstone = player.revision() + 1;
        attempt(intent, async {
            player.remove(self.db).await?;
            Ok(tombstone)
        })
        .await;
    }

    async fn saved(&self, mut player: Stored<Player>) -> Result<u64> {
        player.save(self.db).await?;
        Ok(player.revision())
    }

    fn intent(&mut self, action: Action, slot: String, base: Option<&Stored<Player>>) -> Intent {
        self.writes += 1;
        Intent {
            mark: format!("{}.{}", self.name, self.writes),
            slot,
            action,
            base: base.map(|player| (player.revision(), player.mark().to_owned())),
            looked_free: false,
        }
    }

    /// Asks one of the indexes, and looks at every document that comes back.
    async fn query(&mut self) {
        match self.chance.below(3) {
            0 => {
                let team = model::team(&mut self.chance);
                let found = Player::find_by_team(self.db, &team).await;
                judge(found, "team", |player| player.team == team);
            }
            1 => {
                let badge = model::badge(&mut self.chance);
                let found = Player::find_by_badges(self.db, &badge).await;
                judge(found, "badges", |player| player.badges.contains(&badge));
            }
            _ => {
                let nickname = model::nickname(&mut self.chance);
                let found = Player::find_by_nickname(self.db, &nickname).await;
                let found = found.map(|player| player.into_iter().collect());
                judge(found, "nickname", |player| {
                    player.nickname.as_ref() == Some(&nickname)
                });
            }
        }
    }
}

/// Reports a write, does it, and reports its answer.
async fn attempt(intent: Intent, write: impl Future<Output = Result<u64>>) {
    let mark = intent.mark.clone();
    send(&Line::Begin(intent));
    let outcome = match write.await {
        Ok(revision) => Outcome::Applied { revision },
        Err(error) => Outcome::of(&error).unwrap_or_else(|| {
            send(&Line::Broken {
                what: format!("the write {mark} failed: {error}"),
            });
            Outcome::Unknown {
                code: error.code().to_owned(),
            }
        }),
    };
    send(&Line::End { mark, outcome });
}

fn judge(found: Result<Vec<Stored<Player>>>, field: &str, matches: impl Fn(&Player) -> bool) {
    let players = match found {
        Ok(players) => players,
        Err(error) => return unanswered(&error),
    };
    for player in players.iter().filter(|player| !matches(player)) {
        let (slot, revision) = (&player.slot, player.revision());
        let what = format!(
            "a query by {field} returned {slot} at revision {revision}, which does not match"
        );
        send(&Line::Broken { what });
    }
    send(&Line::Queried);
}

/// A read may fail while a service is away, and never for another reason.
fn unanswered(error: &Error) {
    send(&match error.kind() {
        ErrorKind::Unavailable => Line::Unanswered {
            code: error.code().to_owned(),
        },
        _ => Line::Broken {
            what: format!("a read failed: {error}"),
        },
    });
}
