//! All systems give the same answers: whole documents, in the same order, and the ones that the library itself says.

use std::cmp::Reverse;

use anyhow::{Context, ensure};

use crate::{
    article::{Article, HITS, Library},
    operation::{self, Operation, Question},
    peer::{FIRST, PAGE},
    systems::Contestant,
};

/// How many questions of each kind are compared.
const QUESTIONS: usize = 3;

/// # Errors
/// When a system gives another answer; the message names it and the operation.
pub(crate) async fn same_answers(
    contestants: &mut [Contestant],
    library: &Library,
) -> anyhow::Result<usize> {
    let all: Vec<Article> = (0..library.count())
        .map(|number| library.article(number))
        .collect();
    let mut compared = 0;
    for operation in operation::ALL
        .into_iter()
        .filter(|operation| !operation.writes())
    {
        for number in 0..questions(operation) {
            let expected = truth(&all, &operation.question(library, number, 0));
            for contestant in contestants.iter_mut() {
                compared +=
                    usize::from(compare(contestant, operation, number, library, &expected).await?);
            }
        }
    }
    Ok(compared)
}

/// Some have only one question.
fn questions(operation: Operation) -> usize {
    match operation {
        Operation::Lowest | Operation::Highest | Operation::Longest => 1,
        _ => QUESTIONS,
    }
}

/// Whether it was asked at all.
async fn compare(
    contestant: &mut Contestant,
    operation: Operation,
    number: usize,
    library: &Library,
    expected: &[Article],
) -> anyhow::Result<bool> {
    if contestant.peer.declines(operation).is_some() {
        return Ok(false);
    }
    let told = || format!("{}, {}", contestant.system.name(), operation.name());
    let question = operation.question(library, number, 0);
    let answer = question
        .ask(&mut *contestant.peer)
        .await
        .with_context(told)?;
    let ids = |articles: &[Article]| {
        articles
            .iter()
            .map(|article| article.id)
            .collect::<Vec<_>>()
    };
    ensure!(
        answer == expected,
        "{}: {:?} instead of {:?}",
        told(),
        ids(&answer),
        ids(expected)
    );
    Ok(true)
}

/// What the question's answer is, found in the slowest and plainest way.
fn truth(all: &[Article], question: &Question) -> Vec<Article> {
    let of = |authors: &[&String]| {
        all.iter()
            .filter(|article| authors.contains(&&article.author))
            .cloned()
            .collect()
    };
    match question {
        Question::Get(id) => all
            .iter()
            .filter(|article| article.id == *id)
            .cloned()
            .collect(),
        Question::Find { author, .. } => of(&[author]),
        Question::Union([first, second, third]) => of(&[first, second, third]),
        Question::Page { after } => all
            .iter()
            .filter(|article| article.published > *after)
            .take(PAGE)
            .cloned()
            .collect(),
        Question::Lowest => first_by(all, |article| article.score),
        Question::Highest => first_by(all, |article| Reverse(article.score)),
        Question::Longest => first_by(all, |article| Reverse(article.words)),
        Question::Create(_) | Question::Batch(_) => Vec::new(),
    }
}

/// The first of all in the order of `key`.
fn first_by<K: Ord>(all: &[Article], key: impl Fn(&Article) -> K) -> Vec<Article> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|article| key(article));
    sorted.into_iter().take(FIRST).cloned().collect()
}

/// What was written while it was timed can be read, and no answer changed by it.
///
/// # Errors
/// When a new article is missing or different, or an answer changed.
pub(crate) async fn kept_what_was_written(
    contestants: &mut [Contestant],
    library: &Library,
) -> anyhow::Result<()> {
    for contestant in contestants.iter_mut() {
        for operation in [Operation::Create, Operation::Batch] {
            for written in written(operation, library, contestant.peer.first_number()) {
                let found = contestant.peer.get(written.id).await?;
                let told = || {
                    format!(
                        "{}, {}: a new article",
                        contestant.system.name(),
                        operation.name()
                    )
                };
                ensure!(
                    found.as_ref() == Some(&written),
                    "{} is not there as it was written",
                    told()
                );
            }
        }
    }
    same_answers(contestants, library).await.map(drop)
}

/// Some articles of the first question of this operation.
fn written(operation: Operation, library: &Library, first_new: usize) -> Vec<Article> {
    match operation.question(library, 0, first_new) {
        Question::Create(article) => vec![*article],
        Question::Batch(articles) => articles.into_iter().step_by(HITS[2]).collect(),
        _ => Vec::new(),
    }
}
