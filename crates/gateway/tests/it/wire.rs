//! Examples of the wire, as files: `tests/wire/*.txt`.
//!
//! Each has four parts: the request as sent (its length is added), the call the door gets, the answer
//! it gives, the response as received (without its date). `UPDATE_EXPECT=1` rewrites call and response.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::it::script::{Server, exchange};

#[tokio::test]
async fn requests_become_calls_and_answers_become_responses() {
    check(Server::start().await, "tests/wire").await;
}

/// S3's own examples: `tests/objects/*.txt`, in the same form.
#[tokio::test]
async fn requests_of_s3_become_calls_and_answers_become_responses() {
    check(Server::start_with_objects().await, "tests/objects").await;
}

async fn check(server: Server, folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let mut parts =
            text.split("\n--- ").map(|part| part.split_once('\n').unwrap_or((part, "")).1);
        let request = text.split("\n--- ").next().unwrap();
        let answer = parts.nth(2).unwrap_or_default();
        let (call, response) = run(&server, request, answer).await;
        let found = format!(
            "{request}\n--- call\n{call}\n--- answer\n{}\n--- response\n{response}\n",
            answer.trim()
        );
        if found != text {
            if update {
                fs::write(&path, found).unwrap();
            } else {
                wrong.push(format!("{}:\n{found}\n=== expected\n{text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    server.stop().await;
}

async fn run(server: &Server, request: &str, answer: &str) -> (String, String) {
    let answer: Value =
        if answer.trim().is_empty() { Value::Null } else { serde_json::from_str(answer).unwrap() };
    server.answer_with(answer);
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let mut bytes = format!("{} HTTP/1.1\r\n", lines.next().unwrap());
    if !head.contains("\nHost:") {
        bytes.push_str(&format!("Host: {}\r\n", server.address));
    }
    lines.for_each(|line| bytes.push_str(&format!("{line}\r\n")));
    bytes.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let mut stream = server.connect().await;
    let (head, body) = exchange(&mut stream, bytes.as_bytes()).await;
    let call = server.take_call().map_or("none".to_owned(), |call| call.to_string());
    let head: Vec<&str> = head
        .lines()
        .filter(|line| {
            !line.is_empty() && !line.starts_with("date:") && !line.starts_with("content-length")
        })
        .collect();
    let body = String::from_utf8_lossy(&body);
    (call, format!("{}\n\n{body}", head.join("\n")).trim_end().to_owned())
}
