//! Conditions on computed values and partial definitions after writes of every kind: what a plain evaluation gives, whichever
//! index is asked, inside of a transaction and without any index.

use futures::TryStreamExt;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
use smarterbase::{Predicate, Residual, prelude::*};
use smarterbase_core::db::{FindMany, Query};
use smarterbase_testkit::{invariant, sweep::World};

use crate::member::Member;

/// A condition that can be evaluated in two ways.
#[derive(Clone, Debug)]
enum Tree {
    Name(u8),
    NameStarts(&'static str),
    NotName(u8),
    Points(u32, u32),
    Initial(&'static str),
    InTeam,
    Team(Option<bool>, u32),
    TeamAges(Option<bool>, u32, u32),
    AdultPlan(u8),
    ActiveHandle(u8),
    AdultPoints(u32),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

const FIRST: [&str; 3] = ["Ada", "ALAN", "grace"];

fn team(red: Option<bool>) -> Option<String> {
    red.map(|red| if red { "red" } else { "blue" }.to_owned())
}

fn plan(number: u8) -> String {
    format!("p{number}")
}

impl Tree {
    fn predicate(&self) -> Predicate<Member, Residual> {
        let (field, index) = (Member::FIELDS, Member::INDEXES);
        match self {
            Self::Name(number) => field.full_name.eq(full_name(*number)).residual(),
            Self::NameStarts(start) => field.full_name.starts_with(*start),
            Self::NotName(number) => field.full_name.ne(full_name(*number)),
            Self::Points(least, most) => field.points.between(least, most).residual(),
            Self::Initial(letter) => field.initials.has(*letter).residual(),
            Self::InTeam => index.by_active_team.any().residual(),
            Self::Team(red, age) => index.by_active_team.eq((team(*red), age)).residual(),
            Self::TeamAges(red, least, most) => index
                .by_active_team
                .within((team(*red), *least..=*most))
                .residual(),
            Self::AdultPlan(number) => index.by_plan_where_is_adult.eq(plan(*number)).residual(),
            Self::ActiveHandle(number) => {
                index.by_active_handle.eq(format!("@M{number}")).residual()
            }
            Self::AdultPoints(points) => index.by_adult_points.eq(points).residual(),
            Self::And(left, right) => left.predicate() & right.predicate(),
            Self::Or(left, right) => left.predicate() | right.predicate(),
            Self::Not(part) => !part.predicate(),
        }
    }

    /// Written down a second time, without anything of the library or of the type's methods.
    fn holds(&self, member: &Member) -> bool {
        let name = format!("{} {}", member.first, member.last).to_lowercase();
        let points = member.bonus + member.age;
        match self {
            Self::Name(number) => name == full_name(*number).to_lowercase(),
            Self::NameStarts(start) => name.starts_with(&start.to_lowercase()),
            Self::NotName(number) => name != full_name(*number).to_lowercase(),
            Self::Points(least, most) => points >= *least && points <= *most,
            Self::Initial(letter) => {
                member.first.starts_with(letter) || member.last.starts_with(letter)
            }
            Self::InTeam => member.active,
            Self::Team(red, age) => {
                member.active && member.team == team(*red) && member.age == *age
            }
            Self::TeamAges(red, least, most) => {
                member.active && member.team == team(*red) && (*least..=*most).contains(&member.age)
            }
            Self::AdultPlan(number) => member.age >= 18 && member.plan == plan(*number),
            Self::ActiveHandle(number) => member.active && member.handle == format!("@m{number}"),
            Self::AdultPoints(wanted) => member.age >= 18 && points == *wanted,
            Self::And(left, right) => left.holds(member) && right.holds(member),
            Self::Or(left, right) => left.holds(member) || right.holds(member),
            Self::Not(part) => !part.holds(member),
        }
    }
}

fn full_name(number: u8) -> String {
    format!("{} Lovelace", FIRST[usize::from(number)])
}

fn tree() -> BoxedStrategy<Tree> {
    let red = || prop::option::of(any::<bool>());
    let leaf = prop_oneof![
        (0..3_u8).prop_map(Tree::Name),
        prop_oneof![Just("a"), Just("al"), Just("")].prop_map(Tree::NameStarts),
        (0..3_u8).prop_map(Tree::NotName),
        (0..400_u32, 0..400_u32)
            .prop_map(|(one, other)| Tree::Points(one.min(other), one.max(other))),
        prop_oneof![Just("A"), Just("L"), Just("g")].prop_map(Tree::Initial),
        Just(Tree::InTeam),
        (red(), 16..21_u32).prop_map(|(red, age)| Tree::Team(red, age)),
        (red(), 15..19_u32, 17..21_u32).prop_map(|(red, least, most)| Tree::TeamAges(
            red,
            least.min(most),
            most
        )),
        (0..2_u8).prop_map(Tree::AdultPlan),
        (0..6_u8).prop_map(Tree::ActiveHandle),
        (0..6_u32, 16..21_u32).prop_map(|(number, age)| Tree::AdultPoints(number * 100 + age)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let boxed = inner.prop_map(Box::new).boxed();
        prop_oneof![
            3 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::And(left, right)),
            2 => (boxed.clone(), boxed.clone()).prop_map(|(left, right)| Tree::Or(left, right)),
            1 => boxed.prop_map(Tree::Not),
        ]
    })
    .boxed()
}

#[derive(Clone, Copy, Debug)]
enum By {
    Id,
    Age(bool),
    Points(bool),
    Name(bool),
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        Just(By::Id),
        any::<bool>().prop_map(By::Age),
        any::<bool>().prop_map(By::Points),
        any::<bool>().prop_map(By::Name)
    ]
}

fn ask<'a>(query: Query<'a, Member>, tree: &Tree, by: By) -> FindMany<'a, Member> {
    let found = query.scan().filter(|_| tree.predicate());
    match by {
        By::Id => found,
        By::Age(true) => found.order_by(|member| member.age.desc()),
        By::Age(false) => found.order_by(|member| member.age.asc()),
        By::Points(true) => found.order_by(|member| member.points.desc()),
        By::Points(false) => found.order_by(|member| member.points.asc()),
        By::Name(true) => found.order_by(|member| member.full_name.desc()),
        By::Name(false) => found.order_by(|member| member.full_name.asc()),
    }
}

fn expected(members: &[Member], tree: &Tree, by: By) -> Vec<String> {
    let mut found: Vec<&Member> = members.iter().filter(|member| tree.holds(member)).collect();
    let name = |member: &Member| format!("{} {}", member.first, member.last).to_lowercase();
    found.sort_by_key(|member| member.id.clone());
    match by {
        By::Id => {}
        By::Age(_) => found.sort_by_key(|member| member.age),
        By::Points(_) => found.sort_by_key(|member| member.bonus + member.age),
        By::Name(_) => found.sort_by_key(|member| name(member)),
    }
    if matches!(by, By::Age(true) | By::Points(true) | By::Name(true)) {
        // Ties are turned around too.
        found.reverse();
    }
    found.iter().map(|member| member.id.clone()).collect()
}

/// One write: which member, how, and what it becomes; `None`: it goes.
type Write = (usize, u8, Option<Member>);

fn write() -> impl Strategy<Value = Write> {
    let member = (
        0..3_usize,
        prop::option::of(any::<bool>()),
        16..21_u32,
        0..2_u8,
        any::<bool>(),
    );
    (0..6_usize, 0..4_u8, prop::option::weighted(0.9, member)).prop_map(|(number, how, member)| {
        let member = member.map(|(first, red, age, of_plan, active)| Member {
            first: FIRST[first].to_owned(),
            team: team(red),
            age,
            bonus: u32::try_from(number).unwrap() * 100,
            plan: plan(of_plan),
            active,
            ..Member::new(&format!("m{number}"))
        });
        (number, how, member)
    })
}

async fn apply(db: &Db, (number, how, member): Write) {
    let key = format!("m{number}");
    let Some(member) = member else {
        Member::delete(db, &key).await.unwrap();
        return;
    };
    match how {
        0 => drop(Member::upsert(db, member).await.unwrap()),
        1 => drop(Member::overwrite(db, member).await.unwrap()),
        2 => match Member::get(db, &key).await.unwrap() {
            Some(mut stored) => {
                *stored = member;
                stored.save(db).await.unwrap();
            }
            None => drop(Member::create(db, member).await.unwrap()),
        },
        _ => db
            .transaction(|tx| {
                let member = member.clone();
                async move { Member::upsert(&tx, member).await.map(drop) }
            })
            .await
            .unwrap(),
    }
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future);
}

async fn check(db: &Db, members: &[Member], (tree, by): &(Tree, By), way: &str) {
    let expected = expected(members, tree, *by);
    let streamed: Vec<String> = ask(Member::query(db), tree, *by)
        .stream()
        .map_ok(|member| member.id.clone())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(streamed, expected, "{way}: {tree:?} by {by:?}");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = ask(Member::query(db), tree, *by).page(2);
        let page = page.after_opt(after).await.unwrap();
        paged.extend(page.items.iter().map(|member| member.id.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, expected, "pages, {way}: {tree:?} by {by:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    #[test]
    fn every_condition_gives_what_a_plain_evaluation_gives(
        writes in prop::collection::vec(write(), 0..20),
        questions in prop::collection::vec((tree(), by()), 12),
    ) {
        run(async {
            let world = World::new(1);
            let db = world.open(0).await;
            let mut members = std::collections::BTreeMap::new();
            for write in writes {
                match &write.2 {
                    Some(member) => members.insert(write.0, member.clone()),
                    None => members.remove(&write.0),
                };
                apply(&db, write).await;
            }
            let members: Vec<Member> = members.into_values().collect();
            for question in &questions {
                check(&db, &members, question, "by index").await;
                let (tree, by) = question;
                let seen = db
                    .transaction(|tx| async move {
                        let found = ask(Member::query(&tx), tree, *by).await?;
                        Ok(found.iter().map(|member| member.id.clone()).collect::<Vec<_>>())
                    })
                    .await;
                assert_eq!(seen.unwrap(), expected(&members, tree, *by), "in a transaction: {tree:?}");
            }
            db.close().await;
            let db = world.open(2).await;
            let mut wrong = invariant::damage::<Member>(&*world.store).await;
            wrong.extend(invariant::wrong_answers::<Member>(&db, &*world.store).await);
            assert_eq!(wrong, Vec::<String>::new());
        });
    }
}
