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
use rustls::{CipherSuite, ProtocolVersion, ServerConfig, ServerConnection};
use services::audit::Tls;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
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
                let (gateway, ending) = (Arc::clone(&gateway), ending.clone());
                tasks.spawn(async move {
                    match gateway.tls.clone() {
                        None => converse(TokioIo::new(stream), gateway, peer, ending).await,
                        Some(tls) => {
                            let config = tls.config(gateway.moment().now);
                            let encrypted = encrypt(stream, config, peer, &ending).await;
                            if let Some((stream, peer)) = encrypted {
                                converse(TokioIo::new(stream), gateway, peer, ending).await;
                            }
                        }
                    }
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

/// In which a client must be done with greetings.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What the first byte of TLS is; of HTTP it is a letter.
const TLS_HANDSHAKE: u8 = 0x16;

/// Greets a client of an encrypted port. One that speaks plain HTTP is told so, and let go.
async fn encrypt(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    peer: Peer,
    ending: &CancellationToken,
) -> Option<(TlsStream<TcpStream>, Peer)> {
    let greeting = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
            const TOLD: &str = "this server speaks https\n";
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{TOLD}",
                TOLD.len()
            );
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        TlsAcceptor::from(config).accept(stream).await.map(Some)
    };
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(HANDSHAKE, greeting) => greeted,
        () = ending.cancelled() => return None,
    };
    match greeted {
        Ok(Ok(stream)) => {
            let stream = stream?;
            let tls = tls_of(stream.get_ref().1);
            Some((stream, Peer { tls, ..peer }))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, peer = %peer.address, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(peer = %peer.address, "a TLS handshake took too long");
            None
        }
    }
}

/// How a connection is encrypted, in the names that CloudTrail gives.
fn tls_of(connection: &ServerConnection) -> Option<Tls> {
    let version = match connection.protocol_version()? {
        ProtocolVersion::TLSv1_3 => "TLSv1.3",
        ProtocolVersion::TLSv1_2 => "TLSv1.2",
        other => other.as_str()?,
    };
    let cipher_suite = match connection.negotiated_cipher_suite()?.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str()?,
    };
    Some(Tls { version, cipher_suite })
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
