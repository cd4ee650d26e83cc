//! Uploads in parts: begun, filled in any order, then completed as one object or aborted.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use s3s::{
    S3Request, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, ETag, UploadPartInput, UploadPartOutput,
    },
    s3_error,
};

use super::{
    body,
    bucket::{Attributes, StoredObject, attributes_of, hex, md5_hex},
    condition::WriteCondition,
    memory::{MemoryS3, State},
};

/// The least size in bytes of every part but the last.
const MIN_PART: usize = 5 << 20;

/// An upload that is neither complete nor aborted.
#[derive(Debug)]
pub(super) struct Upload {
    bucket: String,
    key: String,
    attributes: Attributes,
    parts: BTreeMap<i32, Part>,
}

#[derive(Debug)]
struct Part {
    body: Bytes,
    tag: String,
}

pub(super) fn begin(
    s3: &MemoryS3,
    mut input: CreateMultipartUploadInput,
) -> S3Result<CreateMultipartUploadOutput> {
    let mut state = s3.lock();
    state.bucket(&input.bucket)?;
    state.uploads_begun += 1;
    let id = format!("upload-{}", state.uploads_begun);
    let upload = Upload {
        bucket: input.bucket.clone(),
        key: input.key.clone(),
        attributes: attributes_of!(input),
        parts: BTreeMap::new(),
    };
    state.uploads.insert(id.clone(), upload);
    Ok(CreateMultipartUploadOutput {
        upload_id: Some(id),
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    })
}

pub(super) async fn add(s3: &MemoryS3, input: UploadPartInput) -> S3Result<UploadPartOutput> {
    let body = body::collect(input.body).await?;
    let e_tag = Some(
        s3.lock()
            .upload(&input.upload_id)?
            .add(input.part_number, body),
    );
    Ok(UploadPartOutput {
        e_tag,
        ..Default::default()
    })
}

/// Makes the listed parts one object. A refused condition leaves the upload as it is.
pub(super) async fn complete(
    s3: &MemoryS3,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let condition = WriteCondition::from_headers(&request.headers)?;
    let input = request.input;
    let wanted = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let object = s3
        .lock()
        .upload_of(&input.upload_id, &input.bucket, &input.key)?
        .assemble(&wanted)?;
    let e_tag = Some(
        s3.commit(&input.bucket, input.key.clone(), object, &condition)
            .await?,
    );
    s3.lock().uploads.remove(&input.upload_id);
    Ok(CompleteMultipartUploadOutput {
        e_tag,
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..Default::default()
    })
}

pub(super) fn abort(
    s3: &MemoryS3,
    input: AbortMultipartUploadInput,
) -> S3Result<AbortMultipartUploadOutput> {
    let mut state = s3.lock();
    state.upload_of(&input.upload_id, &input.bucket, &input.key)?;
    state.uploads.remove(&input.upload_id);
    Ok(AbortMultipartUploadOutput::default())
}

impl State {
    /// The upload called `id`.
    pub(super) fn upload(&mut self, id: &str) -> S3Result<&mut Upload> {
        self.uploads
            .get_mut(id)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    /// The upload called `id`, if it is for this key.
    fn upload_of(&mut self, id: &str, bucket: &str, key: &str) -> S3Result<&mut Upload> {
        let upload = self.upload(id)?;
        let is_for_key = upload.bucket == bucket && upload.key == key;
        if is_for_key {
            Ok(upload)
        } else {
            Err(s3_error!(NoSuchUpload))
        }
    }
}

impl Upload {
    /// Takes a part, in place of an earlier one with this number, and answers its tag.
    pub(super) fn add(&mut self, number: i32, body: Bytes) -> ETag {
        let tag = md5_hex(&body);
        self.parts.insert(
            number,
            Part {
                body,
                tag: tag.clone(),
            },
        );
        ETag::Strong(tag)
    }

    fn assemble(&self, wanted: &[CompletedPart]) -> S3Result<StoredObject> {
        let (mut body, mut digests) = (BytesMut::new(), Md5::new());
        let mut previous = 0;
        for (position, wanted_part) in wanted.iter().enumerate() {
            let part = self.part(wanted_part, previous)?;
            let is_last = position + 1 == wanted.len();
            if !is_last && part.body.len() < MIN_PART {
                return Err(s3_error!(EntityTooSmall));
            }
            previous = wanted_part.part_number.unwrap_or_default();
            digests.update(Md5::digest(&part.body));
            body.extend_from_slice(&part.body);
        }
        let tag = format!("{}-{}", hex(&digests.finalize()), wanted.len());
        Ok(StoredObject::with_tag(
            body.freeze(),
            tag,
            self.attributes.clone(),
        ))
    }

    /// The part that the client means: numbers rise, and a tag, when given, is the part's.
    fn part(&self, wanted: &CompletedPart, previous: i32) -> S3Result<&Part> {
        let number = wanted.part_number.ok_or_else(|| s3_error!(InvalidPart))?;
        if number <= previous {
            return Err(s3_error!(InvalidPartOrder));
        }
        let part = self
            .parts
            .get(&number)
            .ok_or_else(|| s3_error!(InvalidPart))?;
        let is_same = wanted
            .e_tag
            .as_ref()
            .is_none_or(|tag| tag.value() == part.tag);
        if is_same {
            Ok(part)
        } else {
            Err(s3_error!(InvalidPart))
        }
    }
}
