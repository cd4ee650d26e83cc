//! Two ways to change what others change too: `update`, which the library runs again, and `save`, where the program decides.

use futures::future::try_join_all;
use smarterbase::{Result, prelude::*};
use tokio::sync::Barrier;

use crate::{checks::Checks, model::Article};

const READERS: usize = 12;
/// How often a program looks again before it gives up.
const ATTEMPTS: usize = 40;

pub(crate) async fn of_counting(db: &Db, checks: &mut Checks) -> Result<()> {
    println!("\n{} readers of one article at once", 2 * READERS);
    let id = "article-001".to_owned();
    let updates = (0..READERS).map(|_| {
        Article::update(db, &id, |article| {
            article.views += 1;
            Ok(())
        })
        .into_future()
    });
    let all_looked = Barrier::new(READERS);
    let saves = (0..READERS).map(|_| count_by_hand(db, &id, &all_looked));
    let (_, conflicts) = tokio::try_join!(try_join_all(updates), try_join_all(saves))?;
    let conflicts: usize = conflicts.iter().sum();
    println!("  {conflicts} times somebody else was faster, and the program looked again");
    let views = Article::get(db, &id).required().await?.views;
    checks.equal("nobody was forgotten", views, 2 * READERS as u64);
    checks.at_least("conflicts", conflicts, READERS - 1);
    Ok(())
}

/// Reads, changes and saves, until nobody changed it in between; gives how often somebody did. All of them look before
/// the first one saves.
async fn count_by_hand(db: &Db, id: &String, all_looked: &Barrier) -> Result<usize> {
    let mut article = Article::get(db, id).required().await?;
    all_looked.wait().await;
    let mut conflicts = 0;
    loop {
        article.views += 1;
        match article.save(db).await {
            Ok(()) => return Ok(conflicts),
            Err(error) if error.kind() == ErrorKind::Conflict && conflicts < ATTEMPTS => {
                conflicts += 1;
                article.reload(db).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
