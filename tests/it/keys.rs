//! Keys of every form: text, unsigned numbers, UUIDs; with and without shards.

use smarterbase::prelude::*;
use smarterbase_testkit::{invariant, sweep::World};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "orders", shards = 16)]
struct Order {
    #[key]
    number: u64,
    #[index(range)]
    total: i64,
    #[unique]
    reference: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "events", new(NewEvent))]
struct Event {
    #[key(auto)]
    id: Id<Event>,
    #[index]
    kind: String,
    #[field(created_at)]
    at: Timestamp,
}

fn order(number: u64) -> Order {
    Order {
        number,
        total: 500 - i64::try_from(number % 1_000).unwrap(),
        reference: format!("R{number}"),
    }
}

async fn all<T: Document>(db: &Db, size: usize) -> Vec<Stored<T>> {
    let mut found = Vec::new();
    let mut page = T::list(db).page(size).await.unwrap();
    loop {
        found.extend(page.items);
        match page.next {
            None => return found,
            Some(next) => page = T::list(db).page(size).after(next).await.unwrap(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unsigned_keys_over_sixteen_shards_are_listed_in_the_order_of_numbers() {
    let world = World::new(1);
    let db = world.open(0).await;
    let numbers = [7, 1_000, 0, 99, u64::MAX, 100, 8, 64];
    for number in numbers {
        Order::create(&db, order(number)).await.unwrap();
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let listed: Vec<u64> = all::<Order>(&db, 3)
        .await
        .iter()
        .map(|order| order.number)
        .collect();
    assert_eq!(listed, sorted);
    let dump = invariant::dump(&*world.store).await;
    assert!(
        dump.keys()
            .any(|key| key.starts_with("orders/") && key.ends_with("/00000000000000000007.json"))
    );
    assert_eq!(
        invariant::damage::<Order>(&*world.store).await,
        Vec::<String>::new()
    );
    assert_eq!(
        invariant::wrong_answers::<Order>(&db, &*world.store).await,
        Vec::<String>::new()
    );
    assert!(Order::delete(&db, &64).await.unwrap());
    assert!(Order::get(&db, &64).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn text_keys_hold_any_text() {
    use crate::user::User;
    let world = World::new(1);
    let db = world.open(0).await;
    for (number, key) in ["Ada", "ada", "a/b", "ä€😀", "a b", "%41", "~", "a.b", "-"]
        .iter()
        .enumerate()
    {
        let mut user = User::new(key);
        user.email = format!("{number}@example.org");
        User::create(&db, user.clone()).await.unwrap();
        assert_eq!(*User::get(&db, &user.id).await.unwrap().unwrap(), user);
    }
    assert_eq!(all::<User>(&db, 2).await.len(), 9);
    assert_eq!(
        invariant::wrong_answers::<User>(&db, &*world.store).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn automatic_ids_are_listed_in_the_order_of_creation() {
    let world = World::new(1);
    let db = world.open(0).await;
    let mut created = Vec::new();
    for number in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let event = Event::create(
            &db,
            NewEvent {
                kind: format!("k{}", number % 3),
            },
        )
        .await
        .unwrap();
        created.push(event.id);
    }
    let listed: Vec<_> = all::<Event>(&db, 7)
        .await
        .iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(listed, created);
}

#[tokio::test(start_paused = true)]
async fn twelve_hundred_documents_are_counted_paged_and_streamed() {
    use futures::TryStreamExt;
    let world = World::new(1);
    let db = world.open(0).await;
    let made = Order::create_many(&db, (0..1_200).map(order))
        .await
        .unwrap();
    assert!(made.iter().all(Result::is_ok));
    let before = db.request_counts().snapshot();
    let count = Order::query(&db)
        .filter(|order| order.total.within(..))
        .count()
        .await
        .unwrap();
    let cost = db.request_counts().snapshot() - before;
    assert_eq!((count, cost.gets, cost.lists), (1_200, 1_200, 2));
    let streamed: Vec<_> = Order::query(&db)
        .order_by(|order| order.total.asc())
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert!(streamed.is_sorted_by_key(|order| (order.total, order.number)));
    assert_eq!(streamed.len(), 1_200);
    assert_eq!(all::<Order>(&db, 500).await.len(), 1_200);
    let too_many = Order::query(&db)
        .filter(|order| order.total.within(..))
        .await
        .unwrap_err();
    assert_eq!(
        (too_many.kind(), too_many.code()),
        (ErrorKind::Refused, "SB-TOO-MANY")
    );
    let too_many = Order::list(&db).await.unwrap_err();
    assert_eq!(too_many.code(), "SB-TOO-MANY");
}
