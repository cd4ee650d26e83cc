//! Which operations the server knows: a table of contents, one line each.

use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
        CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
        DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
        DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
        HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input,
        ListObjectsV2Output, PutObjectInput, PutObjectOutput, UploadPartCopyInput,
        UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
    },
    s3_error,
};

use super::{copy, listing, memory::MemoryS3, multipart, object};

type Request<T> = S3Request<T>;
type Reply<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for MemoryS3 {
    async fn create_bucket(
        &self,
        request: Request<CreateBucketInput>,
    ) -> Reply<CreateBucketOutput> {
        self.lock().buckets.entry(request.input.bucket).or_default();
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn head_bucket(&self, request: Request<HeadBucketInput>) -> Reply<HeadBucketOutput> {
        self.lock().bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn delete_bucket(
        &self,
        request: Request<DeleteBucketInput>,
    ) -> Reply<DeleteBucketOutput> {
        let mut state = self.lock();
        if !state.bucket(&request.input.bucket)?.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        state.buckets.remove(&request.input.bucket);
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn put_object(&self, request: Request<PutObjectInput>) -> Reply<PutObjectOutput> {
        object::put(self, request).await.map(S3Response::new)
    }

    async fn get_object(&self, request: Request<GetObjectInput>) -> Reply<GetObjectOutput> {
        object::get(self, request.input).map(S3Response::new)
    }

    async fn head_object(&self, request: Request<HeadObjectInput>) -> Reply<HeadObjectOutput> {
        object::head(self, request.input).map(S3Response::new)
    }

    async fn delete_object(
        &self,
        request: Request<DeleteObjectInput>,
    ) -> Reply<DeleteObjectOutput> {
        object::delete(self, request).map(S3Response::new)
    }

    async fn delete_objects(
        &self,
        request: Request<DeleteObjectsInput>,
    ) -> Reply<DeleteObjectsOutput> {
        object::delete_many(self, request.input).map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        request: Request<ListObjectsV2Input>,
    ) -> Reply<ListObjectsV2Output> {
        listing::list(self, request.input).map(S3Response::new)
    }

    async fn copy_object(&self, request: Request<CopyObjectInput>) -> Reply<CopyObjectOutput> {
        copy::object(self, request).await.map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        request: Request<CreateMultipartUploadInput>,
    ) -> Reply<CreateMultipartUploadOutput> {
        multipart::begin(self, request.input).map(S3Response::new)
    }

    async fn upload_part(&self, request: Request<UploadPartInput>) -> Reply<UploadPartOutput> {
        multipart::add(self, request.input)
            .await
            .map(S3Response::new)
    }

    async fn upload_part_copy(
        &self,
        request: Request<UploadPartCopyInput>,
    ) -> Reply<UploadPartCopyOutput> {
        copy::part(self, request.input).map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        request: Request<CompleteMultipartUploadInput>,
    ) -> Reply<CompleteMultipartUploadOutput> {
        multipart::complete(self, request)
            .await
            .map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        request: Request<AbortMultipartUploadInput>,
    ) -> Reply<AbortMultipartUploadOutput> {
        multipart::abort(self, request.input).map(S3Response::new)
    }
}
