use serde_json::{Value, json};

use super::server::{Server, run, stepwell, told};

fn bench(words: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let (status, output, error) =
        run(&[&["bench", "--folder", &path, "--clients", "4"], words].concat());
    assert_eq!(status, 0, "{words:?}: {output}{error}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "servers and their data are gone");
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_scenario_measures_executions_that_came_to_what_they_should() {
    let lines =
        bench(&["s1", "s2", "s2-closed", "s3", "s4", "s5", "--count", "600", "--seconds", "0.3"]);
    let of = |name: &str| lines.iter().find(|line| line["scenario"] == name).unwrap();
    for name in ["s1", "s2", "s4", "s5"] {
        let line = of(name);
        assert_eq!(line["errors"], json!({}), "{line}");
        assert_eq!(line["outputs_wrong"], 0, "{line}");
        assert!(line["outputs_looked_at"].as_u64() > Some(0), "{line}");
        assert!(line["hello_requests_per_s"].as_f64() > Some(0.0), "{line}");
    }
    for name in ["s1", "s2", "s5"] {
        assert_eq!(of(name)["executions"], 600, "{}", of(name));
        assert!(of(name)["cpu_us_per_execution"].as_f64() > Some(0.0), "{}", of(name));
    }
    assert!(of("s2-closed")["executions"].as_f64() > Some(0.0));
    assert_eq!((&of("s3")["items"], &of("s3")["runs"]), (&json!(600), &json!(7)));
}

#[test]
fn memory_disk_and_the_distributed_map() {
    let lines = bench(&["s6", "map", "waiting", "--count", "700"]);
    assert_eq!(lines[0]["executions"], 700, "{}", lines[0]);
    assert!(lines[0]["ready_ms"].as_f64() > Some(0.0), "{}", lines[0]);
    assert!(lines[0]["disk_bytes_per_execution"].as_f64() > Some(100.0), "{}", lines[0]);
    let map = &lines[1];
    assert_eq!(
        (&map["status"], &map["items_succeeded"]),
        (&json!("SUCCEEDED"), &json!(700)),
        "{map}"
    );
    let waiting = &lines[2];
    assert_eq!(
        (&waiting["executions"], &waiting["errors"]),
        (&json!(700), &json!({})),
        "{waiting}"
    );
}

#[test]
fn a_running_server_is_asked_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &[]);
    let state = folder.path().join("state.json").display().to_string();
    let (pid, target) = (server.process.id().to_string(), server.url.clone());
    let at = ["--endpoint", &target, "--pid", &pid, "--state", &state, "--count", "3"];
    let lines = bench(&[&["s2", "s7-start", "s7-check"], &at[..]].concat());
    assert_eq!(lines[0]["executions"], 3);
    assert_eq!(lines[2]["statuses"], json!({"SUCCEEDED": 3}));
    assert!(lines[2]["soonest_late_ms"].as_f64() >= Some(0.0), "{}", lines[2]);

    // The role of its state machines is made where keys of somebody's are told.
    let (status, output, error) = signed(&target, "someone");
    assert_eq!(status, 0, "{output}{error}");

    let (status, output, _) = run(&["bench", "s7-start"]);
    assert_eq!(status, 1);
    assert!(output.contains("needs a server"), "{output}");
    let (status, output, _) = run(&["bench", "nothing"]);
    assert_eq!(status, 1);
    assert!(output.contains("s2-closed"), "{output}");
    assert!(run(&["bench", "--list"]).1.contains("ten states with JSONata"));
}

/// Two executions at a server, with this access key in the environment.
fn signed(target: &str, key: &str) -> (i32, String, String) {
    let mut command = stepwell(&["bench", "s1", "--count", "2", "--endpoint", target]);
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "a-secret-of-that-key");
    told(command.output().unwrap())
}

#[test]
fn a_server_that_verifies_signatures_is_asked_with_the_environments_keys() {
    let folder = tempfile::tempdir().unwrap();
    let key = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret-of-that-key"),
    ];
    let server = Server::start_with(&folder.path().join("data"), &["--iam", "enforce"], &key);
    // The second run finds the role there.
    for _ in 0..2 {
        let (status, output, error) = signed(&server.url, key[0].1);
        assert_eq!(status, 0, "{output}{error}");
        let line: Value = serde_json::from_str(&output).unwrap();
        assert_eq!((&line["executions"], &line["errors"]), (&json!(2), &json!({})), "{line}");
    }
    let (status, output, _) = signed(&server.url, "AKIAIOSFODNN7UNKNOWN");
    assert_eq!(status, 1);
    assert!(output.contains("InvalidClientTokenId"), "{output}");
}
