//! Takes a request's whole body into memory, within a limit.

use bytes::Bytes;
use futures::TryStreamExt;
use s3s::{S3Result, dto::StreamingBlob, s3_error};

/// The largest body that one request may carry, in bytes.
const LIMIT: usize = 256 << 20;

/// Reads `body` to its end. No body is an empty one.
///
/// # Errors
/// `IncompleteBody` when the client went away or the checksum did not fit, `EntityTooLarge` over 256 MiB.
pub(super) async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else {
        return Ok(Bytes::new());
    };
    let mut chunks = Vec::new();
    let mut length = 0;
    while let Some(chunk) = body
        .try_next()
        .await
        .map_err(|_| s3_error!(IncompleteBody))?
    {
        length += chunk.len();
        if length > LIMIT {
            return Err(s3_error!(EntityTooLarge));
        }
        chunks.push(chunk);
    }
    Ok(chunks.concat().into())
}
