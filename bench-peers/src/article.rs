//! The documents: articles of about 500 bytes of JSON, the same for every system, made without chance.

use smarterbase::prelude::*;

/// What is stored everywhere. Three fields have an index; no two loaded articles share a position, a score or a number of
/// words, so that every order is the only right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Document)]
#[document(name = "articles")]
pub(crate) struct Article {
    #[key]
    pub(crate) id: u32,
    #[index]
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) tags: Vec<String>,
    /// Milliseconds since 1970, one second after the article before it.
    #[index(range)]
    pub(crate) published: i64,
    #[index(range)]
    pub(crate) score: i64,
    /// Sorted by, and without an index anywhere.
    pub(crate) words: i64,
}

/// How many articles an author wrote who is asked for.
pub(crate) const HITS: [usize; 3] = [1, 20, 100];
/// The first article appeared in January 2024.
const FIRST_PUBLISHED: i64 = 1_704_067_200_000;
/// How many articles the other authors wrote, each.
const OTHERS: usize = 50;

/// Everything that is loaded, and what may be asked about it.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    count: usize,
    /// Article by article: which slot of the authors it takes.
    slots: Vec<usize>,
    scores: Vec<usize>,
    words: Vec<usize>,
}

impl Library {
    /// # Errors
    /// With fewer articles than the authors need who are asked for.
    pub(crate) fn new(count: usize) -> anyhow::Result<Self> {
        anyhow::ensure!(
            (400..=10_000_000).contains(&count),
            "from 400 to 10,000,000 documents"
        );
        Ok(Self {
            count,
            slots: shuffled(count, 1),
            scores: shuffled(count, 2),
            words: shuffled(count, 3),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many different authors are asked for, of each number of hits: at least three, so that a union has three values.
    pub(crate) fn variants(&self) -> usize {
        (self.count / 1_000).clamp(3, 100)
    }

    /// The name of an author who wrote `hits` articles.
    pub(crate) fn author(&self, hits: usize, variant: usize) -> String {
        format!("author-{hits}-{}", variant % self.variants())
    }

    /// Every article in the order of ids, in groups of at most `size`.
    pub(crate) fn batches(&self, size: usize) -> impl Iterator<Item = Vec<Article>> {
        (0..self.count).step_by(size).map(move |from| {
            (from..self.count.min(from + size))
                .map(|number| self.article(number))
                .collect()
        })
    }

    pub(crate) fn article(&self, number: usize) -> Article {
        Article {
            published: published(number),
            score: ten_times(self.scores[number]),
            words: ten_times(self.words[number]),
            ..article(number, self.author_of(self.slots[number]))
        }
    }

    /// An article that is not loaded. It is written last, and its score and its number of words lie in the middle and
    /// between those of others: no answer to a question changes by it.
    pub(crate) fn new_article(&self, number: usize) -> Article {
        let middle = ten_times(self.count / 2) + 5;
        Article {
            published: published(self.count + number),
            score: middle,
            words: middle,
            ..article(self.count + number, format!("newcomer-{}", number % 500))
        }
    }

    /// An id that looks like chance.
    pub(crate) fn some_id(&self, number: usize) -> u32 {
        u32::try_from(self.slots[number % self.count]).expect("a number of an article is small")
    }

    /// The number of an article in the third quarter of all.
    pub(crate) fn deep_in(&self, number: usize) -> usize {
        self.count / 2 + (number * 37) % (self.count / 4)
    }

    /// Slots are dealt to the authors who are asked for, and then to the others.
    fn author_of(&self, slot: usize) -> String {
        let mut rest = slot;
        for hits in HITS {
            let taken = hits * self.variants();
            if rest < taken {
                return self.author(hits, rest / hits);
            }
            rest -= taken;
        }
        format!("other-{}", rest / OTHERS)
    }
}

fn article(number: usize, author: String) -> Article {
    Article {
        id: u32::try_from(number).expect("a number of an article is small"),
        author,
        title: format!("What the tide left behind, part {number}"),
        body: BODY.to_owned(),
        tags: TAGS.map(str::to_owned).to_vec(),
        published: 0,
        score: 0,
        words: 0,
    }
}

/// When the article with this number appeared.
pub(crate) fn published(number: usize) -> i64 {
    FIRST_PUBLISHED + 1_000 * i64::try_from(number).expect("a number of an article is small")
}

fn ten_times(number: usize) -> i64 {
    10 * i64::try_from(number).expect("a number of an article is small")
}

/// The numbers below `count` in an order that looks like chance and is the same every time (Fisher and Yates, with SplitMix64).
pub(crate) fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let mut state = seed;
    for last in (1..count).rev() {
        let below = last as u64 + 1;
        let chosen = usize::try_from(next(&mut state) % below).expect("it is below a usize");
        numbers.swap(last, chosen);
    }
    numbers
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

const BODY: &str = "At the lowest water of the year the harbour gives back what it was lent: two anchors, a bicycle, \
    a church bell without a tongue. People walk out to look, and each of them knows somebody who once knew whose it was. \
    By evening the water is back, and the list that the harbour master keeps is a little longer than before.";
const TAGS: [&str; 3] = ["harbour", "long reads", "tides"];
