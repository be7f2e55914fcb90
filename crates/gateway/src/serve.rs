//! The accept loop: a task per connection, HTTP/1.1 with keep-alive, an orderly end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::handle::{Peer, handle};
use crate::{Gateway, changes};

/// Serves until `shutdown` is ready, then lets open requests end, for as long as the settings allow.
/// Operations already called go on to their end in any case.
///
/// # Errors
/// None once it serves: a failed accept is logged and tried again.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listening = listener.local_addr()?;
    let grace = Duration::from_secs(gateway.settings.shutdown_seconds);
    let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
    tokio::pin!(shutdown);
    let connections = Arc::clone(&gateway.load.connections);
    loop {
        // Who finds no place waits in the system's queue.
        let accept = async {
            let place = Arc::clone(&connections).acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|accepted| (accepted, place))
        };
        let accepted = tokio::select! {
            accepted = accept => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok(((stream, address), place)) => {
                let _ = stream.set_nodelay(true);
                let peer = Peer { address, listening, tls: None };
                let connection =
                    converse(TokioIo::new(stream), Arc::clone(&gateway), peer, ending.clone());
                tasks.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: others must close theirs first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    ending.cancel();
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(open = tasks.len(), "requests were still open at shutdown");
    }
    Ok(())
}

/// One connection, plain or inside a tunnel's TLS.
pub(crate) async fn converse<I>(
    io: TokioIo<I>,
    gateway: Arc<Gateway>,
    peer: Peer,
    ending: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ends = ending.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        // Tunnels and streams of changes would last as long as their clients like.
        if request.method() == http::Method::CONNECT || request.uri().path() == changes::PATH {
            request.extensions_mut().insert(ends.clone());
        }
        async move { Ok::<_, std::convert::Infallible>(handle(gateway, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(75))
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %peer.address, "a connection ended early");
    }
}
