//! What is stored.

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate, Document)]
#[document(name = "articles", index(fields(author, words), name = by_author_words, range))]
pub(crate) struct Article {
    #[key]
    pub(crate) id: String,
    pub(crate) author: String,
    #[unique(lower)]
    #[validate(length(min = 1))]
    pub(crate) slug: String,
    #[index]
    pub(crate) status: Status,
    #[index(range)]
    pub(crate) words: u32,
    /// Not indexed: looking for it reads what something else finds, or everything.
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) views: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Embedded)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Draft,
    Published,
}

/// Its key is chosen by who pays, before the first try: the same payment is the same document, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Document)]
#[document(name = "payments")]
pub(crate) struct Payment {
    #[key]
    pub(crate) request: String,
    pub(crate) cents: u64,
}

/// How many articles there are.
pub(crate) const ARTICLES: u32 = 120;

/// Who writes: nothing that is printed may name them.
pub(crate) const AUTHORS: [&str; 4] = ["Ursula", "Octavia", "Stanislaw", "Italo"];

/// Article `number`: four authors, every tenth one a draft.
pub(crate) fn article(number: u32) -> Article {
    Article {
        id: format!("article-{number:03}"),
        author: AUTHORS[number as usize % AUTHORS.len()].to_owned(),
        slug: format!("Slug-{number}"),
        status: if number.is_multiple_of(10) {
            Status::Draft
        } else {
            Status::Published
        },
        words: 500 + 37 * number % 2_000,
        title: format!("The {number}th article"),
        views: 0,
    }
}
