//! One object: put, get, head, delete, and delete in bulk.

use bytes::Bytes;
use s3s::{
    S3Request, S3Result,
    dto::{
        DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
        DeletedObject, Error, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        PutObjectInput, PutObjectOutput, Range, StreamingBlob,
    },
    s3_error,
};

use super::{
    body,
    bucket::{Bucket, StoredObject, attributes_of},
    condition::{ReadCondition, WriteCondition},
    memory::MemoryS3,
};

pub(super) async fn put(
    s3: &MemoryS3,
    request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let condition = WriteCondition::from_headers(&request.headers)?;
    let mut input = request.input;
    let body = body::collect(input.body.take()).await?;
    let object = StoredObject::new(body, attributes_of!(input));
    let e_tag = Some(
        s3.commit(&input.bucket, input.key, object, &condition)
            .await?,
    );
    Ok(PutObjectOutput {
        e_tag,
        ..Default::default()
    })
}

pub(super) fn get(s3: &MemoryS3, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    let object = s3.lock().object(&input.bucket, &input.key)?;
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check(&s3.tag(&object), object.modified)?;
    let (body, content_range) = cut(&object.body, input.range.as_ref())?;
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: i64::try_from(body.len()).ok(),
        content_range,
        body: Some(stream(body)),
        e_tag: Some(s3.tag(&object)),
        last_modified: Some(object.modified.into()),
        content_type: object.attributes.content_type,
        cache_control: object.attributes.cache_control,
        content_disposition: object.attributes.content_disposition,
        content_encoding: object.attributes.content_encoding,
        content_language: object.attributes.content_language,
        metadata: object.attributes.metadata,
        ..Default::default()
    })
}

pub(super) fn head(s3: &MemoryS3, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    let object = s3.lock().object(&input.bucket, &input.key)?;
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check(&s3.tag(&object), object.modified)?;
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(object.length()),
        e_tag: Some(s3.tag(&object)),
        last_modified: Some(object.modified.into()),
        content_type: object.attributes.content_type,
        cache_control: object.attributes.cache_control,
        content_disposition: object.attributes.content_disposition,
        content_encoding: object.attributes.content_encoding,
        content_language: object.attributes.content_language,
        metadata: object.attributes.metadata,
        ..Default::default()
    })
}

/// Deletes an object. Without a condition, deleting nothing succeeds.
pub(super) fn delete(
    s3: &MemoryS3,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let condition = WriteCondition::from_headers(&request.headers)?;
    let mut state = s3.lock();
    let bucket = state.bucket(&request.input.bucket)?;
    remove(s3, bucket, &request.input.key, &condition)?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes each object of the list for itself; one that is refused does not stop the others.
pub(super) fn delete_many(
    s3: &MemoryS3,
    input: DeleteObjectsInput,
) -> S3Result<DeleteObjectsOutput> {
    let mut state = s3.lock();
    let bucket = state.bucket(&input.bucket)?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for object in input.delete.objects {
        let condition = WriteCondition::tag_is(object.e_tag);
        match remove(s3, bucket, &object.key, &condition) {
            Ok(()) => deleted.push(DeletedObject {
                key: Some(object.key),
                ..Default::default()
            }),
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                ..Default::default()
            }),
        }
    }
    let deleted = (!input.delete.quiet.unwrap_or(false)).then_some(deleted);
    Ok(DeleteObjectsOutput {
        deleted,
        errors: Some(errors),
        ..Default::default()
    })
}

fn remove(
    s3: &MemoryS3,
    bucket: &mut Bucket,
    key: &str,
    condition: &WriteCondition,
) -> S3Result<()> {
    let current = bucket.get(key).map(|object| s3.tag(object));
    condition.check_delete(current.as_ref(), s3.quirk())?;
    bucket.remove(key);
    Ok(())
}

/// The part of `body` that `range` asks for, with the `Content-Range` that says so.
fn cut(body: &Bytes, range: Option<&Range>) -> S3Result<(Bytes, Option<String>)> {
    let Some(range) = range else {
        return Ok((body.clone(), None));
    };
    let full = body.len();
    let part = range
        .check(full as u64)
        .map_err(|_| s3_error!(InvalidRange))?;
    let header = format!("bytes {}-{}/{full}", part.start, part.end - 1);
    // `check` keeps both ends within the body, which is in memory.
    Ok((
        body.slice(part.start as usize..part.end as usize),
        Some(header),
    ))
}

fn stream(body: Bytes) -> StreamingBlob {
    StreamingBlob::wrap(futures::stream::once(async move {
        Ok::<_, std::io::Error>(body)
    }))
}
