use super::server::{Server, run, stepwell, told};

/// The value of a variable as each format writes it.
fn variables(words: &[&str], data: &str, start: &str, end: &str) -> Vec<(String, String)> {
    let (status, output, error) = run(&[&["env", "--data", data], words].concat());
    assert_eq!(status, 0, "{error}");
    let line = |line: &str| {
        let line = line.strip_prefix(start)?.strip_suffix(end)?;
        let (name, value) = line.split_once('=')?;
        Some((
            name.trim_end_matches("\"] ").trim_matches('"').to_owned(),
            value.trim().trim_matches(['"', '\'']).to_owned(),
        ))
    };
    output.lines().map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

#[test]
fn env_says_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let endpoint = ["--endpoint", "http://127.0.0.1:4321"];
    let shell = variables(&endpoint, &data, "export ", "");
    let of = |name: &str| {
        let found = shell.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(of("AWS_ENDPOINT_URL"), "http://127.0.0.1:4321");
    assert_eq!(of("STEPWELL_ENDPOINT"), "http://127.0.0.1:4321");
    assert_eq!(of("HTTPS_PROXY"), "http://127.0.0.1:4321");
    assert_eq!(of("AWS_DEFAULT_REGION"), "us-east-1");
    assert_eq!(of("AWS_DISABLE_HOST_PREFIX_INJECTION"), "true");
    assert_eq!(of("NO_PROXY"), "127.0.0.1,localhost");
    assert_eq!(of("SAGEMAKER_SUPPRESS_V2_WARNING"), "1");
    for (file, holds) in [
        ("AWS_CA_BUNDLE", "BEGIN CERTIFICATE"),
        ("PIP_CONSTRAINT", "stepfunctions==2.3.0"),
        ("SAGEMAKER_USER_CONFIG_OVERRIDE", "TelemetryOptOut: true"),
    ] {
        assert!(std::fs::read_to_string(of(file)).unwrap().contains(holds), "{file}");
    }

    let dotenv = [endpoint.as_slice(), &["--format", "dotenv"]].concat();
    assert_eq!(variables(&dotenv, &data, "", ""), shell);
    let python = [endpoint.as_slice(), &["--format", "python"]].concat();
    assert_eq!(variables(&python, &data, "import os; os.environ[", ""), shell);
}

#[test]
fn the_configuration_beside_the_data_folder_has_a_key_for_every_flag() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("stepwell.toml");
    let (status, help, _) = run(&["serve", "--help"]);
    assert_eq!(status, 0);
    let flags = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    let names: Vec<&str> = flags.filter_map(|line| line.split([' ', '\n']).next()).collect();
    assert!(names.contains(&"xgboost-lib") && names.contains(&"listen"), "{names:?}");
    for name in names.into_iter().filter(|name| !["config", "help"].contains(name)) {
        // A value of no known type: the key is known if the complaint is about the value.
        let (key, value) = match name {
            // Given once for each service, it is a table there, and a date can be read as one.
            "service-endpoint" => ("service_endpoints".to_owned(), "true"),
            name => (name.replace('-', "_"), "1979-05-27"),
        };
        std::fs::write(&file, format!("{key} = {value}\n")).unwrap();
        let words = ["env", "--data", data.to_str().unwrap()];
        let (status, _, error) = run(&words);
        assert_eq!(status, 2, "{name}: {error}");
        assert!(!error.contains(&format!("unknown field `{key}`")), "{name}: {error}");
    }

    std::fs::write(&file, "listen = \"127.0.0.1:4999\"\n").unwrap();
    let shell = variables(&[], data.to_str().unwrap(), "export ", "");
    assert!(shell.contains(&("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:4999".into())));
}

#[test]
fn a_key_that_is_not_known_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.toml");
    std::fs::write(&file, "account = \"111111111111\"\nlissten = \"127.0.0.1:0\"\n").unwrap();
    let data = folder.path().join("data").display().to_string();
    let (status, _, error) = run(&["serve", "--data", &data, "--config", file.to_str().unwrap()]);
    assert_eq!(status, 2);
    assert!(error.contains("lissten") && error.contains("line 2"), "{error}");
    assert!(error.contains("other.toml"), "{error}");
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn the_configurations_account_is_the_servers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stepwell.toml"), "account = \"111122223333\"\n").unwrap();
    std::fs::write(
        folder.path().join("a.asl.json"),
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#,
    )
    .unwrap();
    let server = Server::start(&folder.path().join("data"), &[]);
    server.ask(&["run", folder.path().join("a.asl.json").to_str().unwrap()]);
    let listed = server.ask(&["list"]);
    assert!(listed.contains("arn:aws:states:us-east-1:111122223333:stateMachine:a"), "{listed}");
}

#[test]
fn an_open_server_is_not_shown_to_other_machines_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    for mode in ["off", "advise"] {
        let words = ["serve", "--listen", "0.0.0.0:0", "--iam", mode, "--data", &data];
        let (status, _, error) = run(&words);
        assert_eq!(status, 2, "{error}");
        assert!(error.contains("--i-know-this-is-open"), "{error}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
    drop(Server::start(&folder.path().join("one"), &["--listen", "0.0.0.0:0", "--iam", "enforce"]));
    let flags = ["--listen", "0.0.0.0:0", "--i-know-this-is-open"];
    drop(Server::start(&folder.path().join("two"), &flags));
}

#[test]
fn one_folder_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Server::start(&data, &[]);
    let mut second = stepwell(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    let (status, _, error) = told(second.arg(&data).output().unwrap());
    assert_eq!(status, 2);
    assert!(error.contains(&first.process.id().to_string()), "the pid is not named: {error}");
    assert_eq!(first.ask(&["list"]), "none\n");
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(Server::start(&data, &[]).terminate(), Some(0), "the folder is free again");
}

#[test]
fn one_port_has_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(&folder.path().join("one"), &[]);
    let address = first.url.strip_prefix("http://").unwrap();
    let other = folder.path().join("two").display().to_string();
    let (status, _, error) = run(&["serve", "--data", &other, "--listen", address]);
    assert_eq!(status, 2);
    assert!(error.contains(address), "{error}");
}
