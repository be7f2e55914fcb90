use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::Server;

/// A client that can stop in the middle.
struct Slow(TcpStream);

impl Slow {
    fn to(server: &Server) -> Slow {
        let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Slow(stream)
    }

    /// Sends the head of a call and so much of its body.
    fn begin(&mut self, operation: &str, body: &str, sent: usize) {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.0\r\n\
             x-amz-target: AWSStepFunctions.{operation}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all(head.as_bytes()).unwrap();
        self.0.write_all(&body.as_bytes()[..sent]).unwrap();
    }

    /// The answer's status and the name of its error.
    fn answer(&mut self) -> (u16, String) {
        let mut text = String::new();
        let mut some = [0; 4096];
        let body = loop {
            let read = self.0.read(&mut some).unwrap();
            assert!(read > 0, "closed without an answer: {text}");
            text.push_str(std::str::from_utf8(&some[..read]).unwrap());
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                break body;
            }
        };
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        (status, body["__type"].as_str().unwrap_or_default().to_owned())
    }

    fn call(&mut self, operation: &str, body: &str) -> (u16, String) {
        self.begin(operation, body, body.len());
        self.answer()
    }
}

fn server(folder: &tempfile::TempDir, text: &str) -> Server {
    let config = folder.path().join("stepwell.toml");
    std::fs::write(&config, text).unwrap();
    Server::start(&folder.path().join("data"), &["--config", config.to_str().unwrap()])
}

const LIST: (&str, &str) = ("ListStateMachines", "{}");

#[test]
fn connections_beyond_the_bound_wait() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "[port]\nconnections_max = 2\n");
    let (mut one, mut other, mut third) = (Slow::to(&server), Slow::to(&server), Slow::to(&server));
    assert_eq!(one.call(LIST.0, LIST.1).0, 200);
    assert_eq!(other.call(LIST.0, LIST.1).0, 200);
    third.begin(LIST.0, LIST.1, LIST.1.len());
    third.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.0.read(&mut [0; 1]).is_err(), "it is not served yet");
    drop(one);
    third.0.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(third.answer().0, 200);
    drop(other);
}

#[test]
fn calls_beyond_the_bound_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "[port]\ncalls_max = 1\n");
    let mut client = Slow::to(&server);
    assert_eq!(client.call("CreateActivity", r#"{"name": "a"}"#).0, 200);
    let activity = "arn:aws:states:us-east-1:000000000000:activity:a";
    let mut poll = Slow::to(&server);
    let body = json!({ "activityArn": activity }).to_string();
    poll.begin("GetActivityTask", &body, body.len());
    // It is under way once others are refused.
    let refused = (0..300).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        Some(client.call(LIST.0, LIST.1)).filter(|(status, _)| *status != 200)
    });
    assert_eq!(refused, Some((503, "ServiceUnavailable".to_owned())));
    // The poll ends with its client, and its place is free.
    drop(poll);
    let served = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        client.call(LIST.0, LIST.1).0 == 200
    });
    assert!(served);
}

#[test]
fn slow_bodies_take_no_more_memory_than_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "[port]\nbodies_bytes_max = 200000\nbody_seconds_max = 2\n");
    let input = json!("x".repeat(150_000)).to_string();
    let body = json!({ "definition": input }).to_string();
    let mut slow = Slow::to(&server);
    slow.begin("ValidateStateMachineDefinition", &body, 149_000);
    let mut other = Slow::to(&server);
    let refused = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        other = Slow::to(&server);
        Some(other.call("ValidateStateMachineDefinition", &body))
            .filter(|(status, _)| *status == 503)
    });
    assert_eq!(refused, Some((503, "ServiceUnavailable".to_owned())));
    // Small ones still fit. Who sends nothing more is not waited for, and the room is others' again.
    let mut small = Slow::to(&server);
    assert_eq!(small.call(LIST.0, LIST.1).0, 200);
    assert_eq!(slow.answer(), (400, "IncompleteBody".to_owned()));
    let mut other = Slow::to(&server);
    assert_eq!(other.call("ValidateStateMachineDefinition", &body).0, 200);
}

#[test]
fn quotas_are_off_awss_or_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[quotas]\nstepfunctions.ListStateMachines = { bucket = 2, refill = 0 }\n";
    let own = server(&folder, text);
    let mut client = Slow::to(&own);
    let answers: Vec<u16> = (0..3).map(|_| client.call(LIST.0, LIST.1).0).collect();
    assert_eq!(answers, [200, 200, 400]);
    assert_eq!(client.call(LIST.0, LIST.1).1.rsplit('#').next(), Some("ThrottlingException"));
    assert_eq!(own.terminate(), Some(0));

    let aws = server(&folder, "[quotas]\naws = true\n");
    let mut client = Slow::to(&aws);
    let throttled = (0..400).find(|_| client.call(LIST.0, LIST.1).0 == 400);
    assert!(throttled >= Some(100), "{throttled:?}: AWS lists a hundred times at once");
    assert_eq!(aws.terminate(), Some(0));

    let none = server(&folder, "");
    let mut client = Slow::to(&none);
    assert!((0..400).all(|_| client.call(LIST.0, LIST.1).0 == 200));
}
