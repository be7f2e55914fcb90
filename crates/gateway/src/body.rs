//! Bodies: of answers, and requests' as bytes or as a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Incoming as Live;
use services::Error;
use tokio::time::timeout;

use crate::Gateway;
use crate::bounds::Held;

/// An answer's body: whole, or a stream.
pub enum ResponseBody {
    /// In memory.
    Whole(Full<Bytes>),
    /// From elsewhere.
    Stream(UnsyncBoxBody<Bytes, io::Error>),
}

impl ResponseBody {
    /// Nothing.
    pub fn empty() -> ResponseBody {
        ResponseBody::Whole(Full::default())
    }

    /// A stream of bytes.
    pub fn stream(stream: services::Body) -> ResponseBody {
        ResponseBody::Stream(StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync())
    }

    /// Any other body.
    pub fn wrap<B>(body: B) -> ResponseBody
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        ResponseBody::Stream(body.map_err(io::Error::other).boxed_unsync())
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(bytes: T) -> ResponseBody {
        ResponseBody::Whole(Full::new(bytes.into()))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            ResponseBody::Whole(whole) => {
                Pin::new(whole).poll_frame(context).map_err(|never| match never {})
            }
            ResponseBody::Stream(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Whole(whole) => whole.is_end_stream(),
            ResponseBody::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Whole(whole) => whole.size_hint(),
            ResponseBody::Stream(stream) => stream.size_hint(),
        }
    }
}

/// The whole of a request's body.
///
/// # Errors
/// `RequestEntityTooLargeException` beyond the settings' bound; `IncompleteBody` when the client goes away or
/// sends nothing for long; `ServiceUnavailable` when others' bodies leave no room. The room is the body's
/// until the second value is dropped.
pub(crate) async fn read(mut body: Live, gateway: &Gateway) -> Result<(Bytes, Held), Error> {
    let bytes_max = gateway.settings.body_bytes_max;
    let mut held = gateway.load.body();
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    let stalled = |_| Error::new("IncompleteBody", "the request's body does not arrive");
    while let Some(frame) = timeout(gateway.load.patience, body.frame()).await.map_err(stalled)? {
        let frame = frame.map_err(|error| {
            Error::new("IncompleteBody", format!("the request ended within its body: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        // Nearly every body is one frame, which is kept as it is.
        if first.is_empty() {
            first = data;
        } else {
            rest.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&data);
        }
        let length = rest.as_ref().map_or(first.len(), BytesMut::len);
        if length > bytes_max {
            return Err(too_large(bytes_max));
        }
        held.grow(length)?;
    }
    Ok((rest.map_or(first, BytesMut::freeze), held))
}

/// Reads on what nobody wants any more, so that the client can hear the answer and send its next request:
/// as much of it as is worth the while.
pub(crate) async fn drain(mut body: Live) {
    const WORTH: usize = 1 << 20;
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut seen = 0;
    while let Ok(Some(Ok(frame))) = timeout(PATIENCE, body.frame()).await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > WORTH {
            return;
        }
    }
}

/// A request's body: still to come, or read because its hash had to be known.
pub(crate) enum Incoming {
    /// On the wire.
    Live(Live),
    /// In memory, with the room it takes.
    Read(Bytes, Held),
}

impl Incoming {
    /// What was read of it; nothing while it is on the wire.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Incoming::Live(_) => Bytes::new(),
            Incoming::Read(bytes, _) => bytes.clone(),
        }
    }

    /// The whole of it, and its room.
    pub(crate) async fn read(self, gateway: &Gateway) -> Result<(Bytes, Held), Error> {
        match self {
            Incoming::Live(live) => read(live, gateway).await,
            Incoming::Read(bytes, held) => Ok((bytes, held)),
        }
    }

    /// As a stream.
    pub(crate) fn stream(self) -> services::Body {
        match self {
            Incoming::Live(live) => live.into_data_stream().map_err(io::Error::other).boxed(),
            Incoming::Read(bytes, held) => {
                // The room is free when the stream is.
                let with_room = move |bytes| {
                    let _room = &held;
                    bytes
                };
                futures::stream::iter([Ok(bytes)]).map(with_room).boxed()
            }
        }
    }
}

fn too_large(bytes_max: usize) -> Error {
    let message = format!(
        "the request's body is greater than {bytes_max} bytes (`body_bytes_max` in the configuration)"
    );
    Error::new("RequestEntityTooLargeException", message).with_status(413)
}
