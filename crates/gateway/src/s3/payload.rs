//! A body that must have the hash its signature says: short ones are looked at before anything is done,
//! long ones as they flow, with an error in place of their end.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use services::Error;
use sha2::{Digest, Sha256};

use crate::authenticate::Payload;
use crate::signature::{Fault, Style, sha256_hex};

/// Up to so many bytes a body is held.
const HELD_BYTES_MAX: u64 = 1 << 20;

/// The body, held to its hash.
///
/// # Errors
/// `XAmzContentSHA256Mismatch` for a short one that is another.
pub(super) async fn hold(body: Incoming, payload: Payload) -> Result<s3s::Body, Error> {
    let hash = match payload {
        Payload::Hash(hash) => hash,
        Payload::Free => return Ok(s3s::Body::from(body)),
        Payload::Chunks(_) => return Err(mismatch()),
    };
    let short = body.size_hint().exact().is_some_and(|bytes| bytes <= HELD_BYTES_MAX);
    let bytes = body.into_data_stream().map_err(io::Error::other);
    if !short {
        let checked = checked(bytes.boxed(), hash).map_ok(Frame::data);
        return Ok(s3s::Body::http_body_unsync(StreamBody::new(checked)));
    }
    let whole: BytesMut = bytes.try_collect().await.map_err(|error| {
        Error::new("IncompleteBody", format!("the request ended within its body: {error}"))
    })?;
    if sha256_hex(&whole) != hash {
        return Err(mismatch());
    }
    Ok(s3s::Body::from(whole.freeze()))
}

/// The same bytes; where another hash comes out, an error in place of the end.
fn checked<S>(body: S, hash: String) -> impl Stream<Item = io::Result<Bytes>>
where
    S: Stream<Item = io::Result<Bytes>> + Unpin,
{
    let start = Some((body, Sha256::new(), hash));
    stream::unfold(start, |state| async move {
        let (mut body, mut hasher, hash) = state?;
        match body.next().await {
            Some(Ok(bytes)) => {
                hasher.update(&bytes);
                Some((Ok(bytes), Some((body, hasher, hash))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if hex::encode(hasher.finalize()) == hash => None,
            None => Some((Err(io::Error::other(mismatch())), None)),
        }
    })
}

fn mismatch() -> Error {
    Fault::Payload.error(Style::Objects)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn another_body_ends_with_an_error() {
        let flow = |text: &'static str, hash: String| {
            let pieces = text.as_bytes().chunks(2).map(|piece| Ok(Bytes::from_static(piece)));
            let body = checked(stream::iter(pieces), hash);
            let found: io::Result<Vec<Bytes>> =
                block_on(body.boxed_local().collect::<Vec<_>>()).into_iter().collect();
            found.map(|bytes| bytes.concat())
        };
        assert_eq!(flow("hello", sha256_hex(b"hello")).unwrap(), b"hello");
        let error = flow("hallo", sha256_hex(b"hello")).unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.code, "XAmzContentSHA256Mismatch");
    }
}
