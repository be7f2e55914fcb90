//! Connections: kept alive, told to go on, bounded, ended in order.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::it::script::{Server, exchange, receive};

const LIST: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: AWSStepFunctions.ListStateMachines\r\nContent-Length: 2\r\n\r\n{}";

#[tokio::test]
async fn a_connection_serves_many_requests_pipelined_ones_too() {
    let server = Server::start().await;
    server.answer_with(json!({ "members": { "stateMachines": [] } }));
    let mut stream = server.connect().await;
    for _ in 0..3 {
        let (head, body) = exchange(&mut stream, LIST.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body, br#"{"stateMachines":[]}"#);
    }
    let (first, _) = exchange(&mut stream, LIST.repeat(2).as_bytes()).await;
    let (second, _) = receive(&mut stream).await;
    assert!(first.starts_with("HTTP/1.1 200") && second.starts_with("HTTP/1.1 200"));
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body_is_sent() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    let head = "PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let (head, _) = exchange(&mut stream, head.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 100"), "{head}");
    let (head, body) = exchange(&mut stream, b"bytes").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("body=5"));
    server.stop().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_in_the_protocol() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    let request = LIST.replace("Content-Length: 2\r\n\r\n{}", "Content-Length: 5000\r\n\r\n");
    let (head, body) = exchange(&mut stream, request.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["__type"], "RequestEntityTooLargeException");

    // The same when the length is not announced.
    let mut stream = server.connect().await;
    let chunked = LIST.replace("Content-Length: 2\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("{:x}\r\n{}\r\n", 3000, " ".repeat(3000)).repeat(2);
    let (head, _) = exchange(&mut stream, format!("{chunked}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn nonsense_ends_a_connection_and_not_the_server() {
    let server = Server::start().await;
    server.answer_with(json!({ "members": { "stateMachines": [] } }));
    let nonsense: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: \xff\r\nX-Amz-Target: \xff\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ];
    for bytes in nonsense {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{bytes:?}");
        let (head, _) = exchange(&mut server.connect().await, LIST.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    server.stop().await;
}

#[tokio::test]
async fn shutdown_ends_idle_connections_at_once() {
    let server = Server::start().await;
    server.answer_with(json!({ "members": { "stateMachines": [] } }));
    let mut stream = server.connect().await;
    exchange(&mut stream, LIST.as_bytes()).await;
    tokio::time::timeout(Duration::from_secs(1), server.stop()).await.expect("ends at once");
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}
