//! `CONNECT`: we stand in for AWS's hosts with certificates of our own, and pass all else through.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::it::script::{Server, exchange};

async fn tunnel(server: &Server, authority: &str) -> TcpStream {
    let mut stream = server.connect().await;
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let (head, _) = exchange(&mut stream, request.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}

/// The server's clock stands still, so must the client's.
#[derive(Debug)]
struct Still;

impl TimeProvider for Still {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000)))
    }
}

fn connector(server: &Server) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(server.bundle()).unwrap() {
        // A system's bundle may hold what rustls does not take; ours is the first.
        let _ = roots.add(certificate.unwrap());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Still))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn awss_hosts_are_answered_here_with_a_certificate_the_bundle_trusts() {
    let server = Server::start().await;
    server.answer_with(json!({ "members": { "Account": "0", "Arn": "a", "UserId": "u" } }));
    let host = "sts.eu-central-1.amazonaws.com";
    let stream = tunnel(&server, &format!("{host}:443")).await;
    let name = ServerName::try_from(host).unwrap();
    let mut tls = connector(&server).connect(name, stream).await.expect("a handshake");
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    for _ in 0..2 {
        let (head, body) = exchange(&mut tls, request.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(String::from_utf8(body).unwrap().contains("<Account>0</Account>"));
        assert_eq!(server.take_call().unwrap()["region"], "eu-central-1");
    }
    let bucket = "my.bucket.s3.eu-central-1.amazonaws.com";
    let stream = tunnel(&server, &format!("{bucket}:443")).await;
    let name = ServerName::try_from(bucket).unwrap();
    let mut tls = connector(&server).connect(name, stream).await.expect("a handshake");
    let request = format!("GET /key HTTP/1.1\r\nHost: {bucket}\r\n\r\n");
    let (_, body) = exchange(&mut tls, request.as_bytes()).await;
    assert!(String::from_utf8(body).unwrap().starts_with(&format!("<Echo>GET /key host={bucket}")));
    drop(tls);
    server.stop().await;
}

#[tokio::test]
async fn other_hosts_are_reached_untouched() {
    let server = Server::start().await;
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = far.local_addr().unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = far.accept().await.unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes.reverse();
        stream.write_all(&bytes).await.unwrap();
    });
    let mut stream = tunnel(&server, &address.to_string()).await;
    stream.write_all(b"hello").await.unwrap();
    let mut bytes = [0; 5];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"olleh");
    echo.await.unwrap();
    drop(stream);
    server.stop().await;
}
