//! Sentinels: servers that say where the primary of a service is.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, RedisResult};
use smarterbase_core::Result;
use tokio::time::timeout;

use super::{connect::ConnectError, reply};
use crate::RedisOptions;

/// The Sentinels of one service.
pub(super) struct Sentinels {
    options: Arc<RedisOptions>,
    service: String,
    clients: Vec<Client>,
}

/// What one of them says.
enum Answer {
    Primary(String, u16),
    /// It does not know the service.
    Unknown,
    Denied,
    /// It is something else than a Sentinel.
    NoSentinel,
    None,
}

impl Sentinels {
    pub(super) fn new(options: &Arc<RedisOptions>, service: &str) -> Result<Self> {
        Ok(Self {
            options: options.clone(),
            service: service.to_owned(),
            clients: options.sentinel_clients()?,
        })
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("service {} of {}", self.service, self.options.address())
    }

    /// The primary that most of those name who answer in time: one of them may have been cut off from the others.
    pub(super) async fn find(&self) -> Result<ConnectionAddr, ConnectError> {
        let answers = join_all(self.clients.iter().map(|client| self.ask(client))).await;
        let (host, port) = elected(&answers).ok_or_else(|| self.failure(&answers))?;
        Ok(self.options.address_of(host, port))
    }

    async fn ask(&self, client: &Client) -> Answer {
        // One that is away must leave time for connecting to the primary.
        let patience = self.options.deadline.min(self.options.connect_deadline / 2);
        match timeout(patience, question(client, &self.service)).await {
            Ok(Ok(Some((host, port)))) => Answer::Primary(host, port),
            Ok(Ok(None)) => Answer::Unknown,
            Ok(Err(error)) => refusal(&error),
            Err(_elapsed) => Answer::None,
        }
    }

    /// Why there is no primary, the likeliest reason first. What no waiting repairs is said only where none of them was
    /// silent, who may know better later.
    fn failure(&self, answers: &[Answer]) -> ConnectError {
        let has = |wanted: fn(&Answer) -> bool| answers.iter().any(wanted);
        let name = self.name();
        if has(|answer| matches!(answer, Answer::Primary(..))) {
            ConnectError::Down(format!(
                "Redis, {name}: the Sentinels name different primaries"
            ))
        } else if has(|answer| matches!(answer, Answer::None)) {
            ConnectError::Down(format!(
                "Redis, {name}: no Sentinel names a primary, and not all of them answer"
            ))
        } else if has(|answer| matches!(answer, Answer::Denied)) {
            ConnectError::Denied(format!(
                "a Sentinel of {name} refuses the user or the password"
            ))
        } else if has(|answer| matches!(answer, Answer::Unknown)) {
            ConnectError::Unsupported(format!(
                "Redis, {name}: the Sentinels do not know the service"
            ))
        } else if has(|answer| matches!(answer, Answer::NoSentinel)) {
            ConnectError::Unsupported(format!("Redis, {name}: what answers there is no Sentinel"))
        } else {
            ConnectError::Down(format!("Redis, {name}: there is no Sentinel"))
        }
    }
}

/// The address with the most votes; nobody's where two have as many, since one of them may be given up.
fn elected(answers: &[Answer]) -> Option<(&str, u16)> {
    let mut votes: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    for answer in answers {
        if let Answer::Primary(host, port) = answer {
            *votes.entry((host.as_str(), *port)).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    let mut first = votes.into_iter().filter(|(_, votes)| *votes == most);
    let (address, _) = first.next()?;
    first.next().is_none().then_some(address)
}

async fn question(client: &Client, service: &str) -> RedisResult<Option<(String, u16)>> {
    // The deadline is ours.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    redis::cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(service)
        .query_async(&mut connection)
        .await
}

fn refusal(error: &RedisError) -> Answer {
    if reply::is_denied(error) {
        Answer::Denied
    } else if error.code() == Some("ERR") {
        Answer::NoSentinel
    } else {
        Answer::None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Answer, ConnectError, Sentinels, elected};
    use crate::RedisOptions;

    fn failure(answers: &[Answer]) -> ConnectError {
        let options = RedisOptions::from_url("redis+sentinel://one?service=x").unwrap();
        let sentinels = Sentinels::new(&Arc::new(options), "x").unwrap();
        sentinels.failure(answers)
    }

    fn primary(port: u16) -> Answer {
        Answer::Primary("host".to_owned(), port)
    }

    #[test]
    fn the_primary_is_the_one_that_most_name() {
        let answers = [
            primary(1),
            Answer::None,
            primary(2),
            primary(2),
            Answer::Unknown,
        ];
        assert_eq!(elected(&answers), Some(("host", 2)));
    }

    #[test]
    fn nobody_is_elected_where_two_have_as_many_votes() {
        let answers = [primary(1), primary(2), Answer::None];
        assert_eq!(elected(&answers), None);
        assert!(matches!(failure(&answers), ConnectError::Down(_)));
    }

    #[test]
    fn a_sentinel_that_is_silent_may_know_better_later() {
        let refuses = || [Answer::Denied, Answer::Unknown, Answer::NoSentinel];
        for answer in refuses() {
            assert!(!matches!(failure(&[answer]), ConnectError::Down(_)));
        }
        for answer in refuses() {
            let with_silence = failure(&[answer, Answer::None]);
            assert!(matches!(with_silence, ConnectError::Down(_)));
        }
    }

    #[test]
    fn nobody_is_elected_without_an_answer() {
        assert_eq!(
            elected(&[Answer::None, Answer::Unknown, Answer::Denied]),
            None
        );
    }
}
