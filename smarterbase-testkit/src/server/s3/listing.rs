//! `ListObjectsV2`: pages of keys in byte order, with `start-after` and folders.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.

use std::ops::Bound;

use s3s::{
    S3Result,
    dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object},
};

use super::{
    bucket::{Bucket, StoredObject},
    memory::MemoryS3,
};

/// The most entries that a page may have.
const PAGE: i32 = 1000;

pub(super) fn list(s3: &MemoryS3, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let limit = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
    let question = Question {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty()),
        after: input
            .continuation_token
            .as_deref()
            .or(input.start_after.as_deref()),
        limit: usize::try_from(limit).expect("clamped to 0 and above"),
    };
    let page = question.answer(s3, s3.lock().bucket(&input.bucket)?);
    Ok(ListObjectsV2Output {
        key_count: Some(page.count() as i32),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next,
        contents: Some(page.objects),
        common_prefixes: Some(page.folders),
        name: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        max_keys: Some(limit),
        continuation_token: input.continuation_token,
        start_after: input.start_after,
        ..Default::default()
    })
}

/// What to list.
struct Question<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    /// Only keys and folders after this one, exclusively.
    after: Option<&'a str>,
    limit: usize,
}

/// One page of the answer.
#[derive(Default)]
struct Page {
    objects: Vec<Object>,
    folders: Vec<CommonPrefix>,
    /// The last key or folder of the page.
    last: Option<String>,
    /// The continuation token, when more follows.
    next: Option<String>,
}

impl Page {
    fn count(&self) -> usize {
        self.objects.len() + self.folders.len()
    }
}

impl Question<'_> {
    fn answer(&self, s3: &MemoryS3, bucket: &Bucket) -> Page {
        let mut page = Page::default();
        let matching = bucket.range::<str, _>((self.start(), Bound::Unbounded));
        for (key, object) in matching.take_while(|(key, _)| key.starts_with(self.prefix)) {
            let folder = self.folder(key);
            if folder.is_some_and(|folder| self.is_passed(folder, &page)) {
                continue;
            }
            if page.count() == self.limit {
                page.next = page.last.take();
                break;
            }
            page.last = Some(folder.unwrap_or(key).to_owned());
            match folder {
                Some(folder) => page.folders.push(CommonPrefix {
                    prefix: Some(folder.to_owned()),
                }),
                None => page.objects.push(entry(s3, key, object)),
            }
        }
        page
    }

    fn start(&self) -> Bound<&str> {
        match self.after {
            Some(after) if after >= self.prefix => Bound::Excluded(after),
            _ => Bound::Included(self.prefix),
        }
    }

    /// The folder that `key` is folded into: its start up to the first delimiter after the prefix, inclusive.
    fn folder<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let at = key[self.prefix.len()..].find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }

    /// Whether `folder` is on this page already or was on an earlier one.
    fn is_passed(&self, folder: &str, page: &Page) -> bool {
        page.last.as_deref() == Some(folder)
            || self.after.is_some_and(|after| after.starts_with(folder))
    }
}

fn entry(s3: &MemoryS3, key: &str, object: &StoredObject) -> Object {
    Object {
        key: Some(key.to_owned()),
        e_tag: Some(s3.tag(object)),
        size: Some(object.length()),
        last_modified: Some(object.modified.into()),
        ..Default::default()
    }
}
