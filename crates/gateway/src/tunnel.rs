//! `CONNECT`: to AWS's hosts we answer ourselves, inside TLS; to all others the bytes go through.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::answer::plain;
use crate::guard::{is_aws, name_of};
use crate::handle::Peer;
use crate::serve::converse;
use crate::{Gateway, ResponseBody};

/// Answers `CONNECT` and leaves a task behind that serves the tunnel.
///
/// For clients on this machine only: an open proxy on a network is a gift to strangers.
pub(crate) fn connect(
    gateway: Arc<Gateway>,
    peer: Peer,
    mut request: Request<Incoming>,
    request_id: &str,
) -> Response<ResponseBody> {
    let refuse = |status, code, message: &str| plain(status, code, message, request_id);
    if !peer.address.ip().to_canonical().is_loopback() {
        let message = "CONNECT is for clients on the server's own machine";
        return refuse(StatusCode::FORBIDDEN, "AccessDeniedException", message);
    }
    let Some(authority) = request.uri().authority().map(|authority| authority.to_string()) else {
        let message = "CONNECT needs a host and a port";
        return refuse(StatusCode::BAD_REQUEST, "InvalidRequest", message);
    };
    let ending = request.extensions_mut().remove::<CancellationToken>().unwrap_or_default();
    let host = name_of(&authority).to_ascii_lowercase();
    if is_aws(&host) {
        let Some(authority) = &gateway.authority else {
            let message = "this server was started without its certificate authority";
            return refuse(StatusCode::BAD_GATEWAY, "NotImplemented", message);
        };
        let config = match authority.config_for(&host, gateway.moment().now) {
            Ok(config) => config,
            Err(error) => {
                let message = format!("no certificate for `{host}`: {error}");
                return refuse(StatusCode::BAD_GATEWAY, "InternalFailure", &message);
            }
        };
        let upgrade = hyper::upgrade::on(request);
        spawn(stand_in(upgrade, TlsAcceptor::from(config), gateway, peer, ending));
    } else {
        let upgrade = hyper::upgrade::on(request);
        spawn(pass_through(upgrade, authority, ending));
    }
    Response::new(ResponseBody::empty())
}

/// Type-erased, since what serves a tunnel is what serves the connection it came through.
fn spawn(tunnel: impl Future<Output = ()> + Send + 'static) {
    let tunnel: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(tunnel);
    tokio::spawn(tunnel);
}

const HANDSHAKE: Duration = Duration::from_secs(10);

fn stand_in(
    upgrade: OnUpgrade,
    acceptor: TlsAcceptor,
    gateway: Arc<Gateway>,
    peer: Peer,
    ending: CancellationToken,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let handshake = acceptor.accept(TokioIo::new(upgraded));
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => converse(TokioIo::new(stream), gateway, peer, ending).await,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a client did not accept our certificate (is AWS_CA_BUNDLE set?)");
            }
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    })
}

async fn pass_through(upgrade: OnUpgrade, authority: String, ending: CancellationToken) {
    let Ok(upgraded) = upgrade.await else { return };
    let address =
        if authority.rsplit_once(':').is_some() { authority } else { format!("{authority}:443") };
    let mut far = match TcpStream::connect(&address).await {
        Ok(far) => far,
        Err(error) => {
            tracing::debug!(%error, %address, "cannot connect a tunnel");
            return;
        }
    };
    let mut near = TokioIo::new(upgraded);
    tokio::select! {
        ended = copy_bidirectional(&mut near, &mut far) => {
            if let Err(error) = ended {
                tracing::debug!(%error, %address, "a tunnel ended early");
            }
        }
        () = ending.cancelled() => {}
    }
}
