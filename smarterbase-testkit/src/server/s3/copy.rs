//! Copies on the server: a whole object, or an object as one part of an upload.

use s3s::{
    S3Request, S3Result,
    dto::{
        CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource,
        MetadataDirective, UploadPartCopyInput, UploadPartCopyOutput,
    },
    s3_error,
};

use super::{
    bucket::{StoredObject, attributes_of},
    condition::{ReadCondition, WriteCondition},
    memory::MemoryS3,
};

/// Copies an object, with conditions on the source (`x-amz-copy-source-if-*`) and on the target (`If-*`).
pub(super) async fn object(
    s3: &MemoryS3,
    request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let target = WriteCondition::from_headers(&request.headers)?;
    let mut input = request.input;
    let source = ReadCondition {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    let mut copy = read(s3, &input.copy_source, &source)?.touched();
    if input
        .metadata_directive
        .as_ref()
        .map(MetadataDirective::as_str)
        == Some(MetadataDirective::REPLACE)
    {
        copy.attributes = attributes_of!(input);
    }
    let last_modified = Some(copy.modified.into());
    let e_tag = Some(s3.commit(&input.bucket, input.key, copy, &target).await?);
    let result = CopyObjectResult {
        e_tag,
        last_modified,
        ..Default::default()
    };
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        ..Default::default()
    })
}

/// Takes an object as a part of an upload. A range of it is not supported.
pub(super) fn part(s3: &MemoryS3, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
    if input.copy_source_range.is_some() {
        return Err(s3_error!(NotImplemented, "a part is copied whole"));
    }
    let source = ReadCondition {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let copy = read(s3, &input.copy_source, &source)?.touched();
    let last_modified = Some(copy.modified.into());
    let e_tag = Some(
        s3.lock()
            .upload(&input.upload_id)?
            .add(input.part_number, copy.body),
    );
    let result = CopyPartResult {
        e_tag,
        last_modified,
        ..Default::default()
    };
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..Default::default()
    })
}

fn read(s3: &MemoryS3, source: &CopySource, condition: &ReadCondition) -> S3Result<StoredObject> {
    let CopySource::Bucket { bucket, key, .. } = source else {
        return Err(s3_error!(NotImplemented));
    };
    let object = s3.lock().object(bucket, key)?;
    condition.check_source(&s3.tag(&object), object.modified)?;
    Ok(object)
}
