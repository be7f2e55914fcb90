//! Models that answer requests, first without networking, then over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use algorithms::xgboost::inference::Request;
use algorithms::xgboost::library::Library;
use algorithms::xgboost::version::Series;
use algorithms::xgboost::{Installed, Model, ServeModel, serve};

use crate::library::installed;
use crate::training::{Folder, regression, rows};

/// Trains a small model and gives its folder.
fn trained(
    libraries: &[Installed],
    hyperparameters: &[(&str, &str)],
    label: fn(&[f64], f64) -> f64,
) -> Folder {
    let mut all = vec![("num_round", "10"), ("max_depth", "3")];
    all.retain(|(name, _)| !hyperparameters.iter().any(|(given, _)| given == name));
    all.extend(hyperparameters);
    let folder = Folder::new(&all, &[("train", "text/csv")]);
    folder.write("input/data/train/a.csv", &rows(300, 3, label));
    folder.train(libraries).0.unwrap();
    folder
}

fn classes(row: &[f64], _noise: f64) -> f64 {
    f64::from(u8::from(row[0] > 3.0) + u8::from(row[1] > 6.0))
}

fn binary(row: &[f64], _noise: f64) -> f64 {
    f64::from(u8::from(row[0] + row[1] > 10.0))
}

fn given(
    folder: &Folder,
    libraries: &[Installed],
    tag: &str,
    environment: &[(&str, &str)],
) -> ServeModel {
    ServeModel {
        folder: folder.path("model"),
        libraries: libraries.to_vec(),
        series: Series::of_tag(tag),
        environment: environment
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect::<BTreeMap<_, _>>(),
        cpus: 2,
        ..ServeModel::default()
    }
}

fn ask(model: &Model, content_type: &str, accept: &str, body: &str) -> String {
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let request = Request {
        content_type: some(String::leak(content_type.to_owned())),
        accept: some(String::leak(accept.to_owned())),
        body: body.as_bytes(),
    };
    let answer = model.invoke(request);
    format!("{} {} {}", answer.status, answer.content_type, String::from_utf8(answer.body).unwrap())
}

const ROWS: &str = "1,2,3\n9.5,,0.25\n";

#[test]
fn answers_take_the_form_of_the_container() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[], regression);
    let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
    let prediction = model
        .predict(Request { content_type: Some("text/csv"), accept: None, body: ROWS.as_bytes() })
        .unwrap();
    let numbers: Vec<String> =
        prediction.values.iter().map(|value| format!("{:?}", f64::from(*value))).collect();
    let [p1, p2] = &numbers[..] else { panic!("two rows, {numbers:?}") };
    let csv = "text/csv; charset=utf-8";
    for (tag, environment, accept, expected) in [
        ("3.0-5", &[][..], "", format!("200 {csv} {p1}\n{p2}\n")),
        ("3.0-5", &[], "*/*", format!("200 {csv} {p1}\n{p2}\n")),
        (
            "3.0-5",
            &[],
            "application/json",
            format!(
                r#"200 application/json {{"predictions": [{{"score": {p1}}}, {{"score": {p2}}}]}}"#
            ),
        ),
        (
            "3.0-5",
            &[],
            "application/jsonlines",
            format!("200 application/jsonlines {{\"score\": {p1}}}\n{{\"score\": {p2}}}\n"),
        ),
        (
            "3.0-5",
            &[("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/jsonlines")],
            "",
            format!("200 application/jsonlines {{\"score\": {p1}}}\n{{\"score\": {p2}}}\n"),
        ),
        ("1.3-1", &[], "text/csv", format!("200 {csv} {p1}\n{p2}\n")),
        ("1.2-2", &[], "application/json", format!("200 {csv} {p1},{p2}")),
        ("1", &[], "", format!("200 {csv} {p1},{p2}")),
        ("1", &[("SAGEMAKER_BATCH", "true")], "", format!("200 {csv} {p1}\n{p2}\n")),
        (
            "3.0-5",
            &[("SAGEMAKER_BATCH", "true")],
            "application/json",
            format!("200 {csv} {p1}\n{p2}\n"),
        ),
        (
            "3.0-5",
            &[("SAGEMAKER_INFERENCE_OUTPUT", "predicted_score")],
            "",
            format!("200 {csv} {p1}\n{p2}"),
        ),
    ] {
        let model = Model::load(&given(&folder, &libraries, tag, environment)).unwrap();
        assert_eq!(
            ask(&model, "text/csv", accept, ROWS),
            expected,
            "{tag} {environment:?} {accept}"
        );
    }
    // A missing field and an absent feature are the same thing.
    assert_eq!(
        ask(&model, "text/libsvm", "", "0 0:1 1:2 2:3\n0 0:9.5 2:0.25"),
        format!("200 {csv} {p1}\n{p2}\n")
    );
    assert_eq!(
        ask(&model, "", "", "0 0:1 1:2 2:3\n0 0:9.5 2:0.25"),
        format!("200 {csv} {p1}\n{p2}\n")
    );
    assert_eq!(
        ask(&model, "text/libsvm", "", "1:1 2:2 3:3\n1:9.5 3:0.25"),
        format!("200 {csv} {p1}\n{p2}\n")
    );
}

#[test]
fn errors_take_the_form_of_the_container() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[], regression);
    let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
    for (content_type, accept, body, expected) in [
        ("text/csv", "", "", "204 "),
        (
            "application/json",
            "",
            "[1,2,3]",
            "415 text/html; charset=utf-8 Content-type application/json is not supported.",
        ),
        (
            "text/csv",
            "",
            "1,two,3",
            "415 text/html; charset=utf-8 Loading csv data failed with Exception, please ensure data is in csv format:\n ",
        ),
        ("text/csv", "", " \n", "415 text/html; charset=utf-8 Loading csv data failed"),
        ("text/csv", "", "1,2,3\n4,5", "415 text/html; charset=utf-8 Loading csv data failed"),
        ("text/libsvm", "", "x:1", "415 text/html; charset=utf-8 Loading libsvm data failed"),
        (
            "application/x-recordio-protobuf",
            "",
            "1,2,3",
            "415 text/html; charset=utf-8 Loading recordio-protobuf data failed",
        ),
        (
            "text/csv",
            "",
            "1,2,3,4",
            "400 text/html; charset=utf-8 Unable to evaluate payload provided: ",
        ),
        (
            "text/csv",
            "text/html",
            "1,2,3",
            "406 text/html; charset=utf-8 Accept type text/html is not supported. Please use ",
        ),
    ] {
        let answer = ask(&model, content_type, accept, body);
        assert!(answer.starts_with(expected), "{content_type} {body:?}: {answer}");
    }
}

#[test]
fn classes_and_their_probabilities() {
    let Some(libraries) = installed() else { return };
    let folder =
        trained(&libraries, &[("objective", "multi:softprob"), ("num_class", "3")], classes);
    let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
    let answer = ask(&model, "text/csv", "text/csv", ROWS);
    let body = answer.strip_prefix("200 text/csv; charset=utf-8 ").unwrap();
    for line in body.lines() {
        let sum: f64 = line.split(',').map(|value| value.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    let selected = given(
        &folder,
        &libraries,
        "1.7-1",
        &[("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label,labels")],
    );
    let answer = ask(&Model::load(&selected).unwrap(), "text/csv", "application/json", "1,2,3");
    assert_eq!(
        answer,
        r#"200 application/json {"predictions": [{"predicted_label": 0, "labels": [0, 1, 2]}]}"#
    );
    let binary = trained(&libraries, &[("objective", "binary:logistic")], binary);
    let selected =
        given(&binary, &libraries, "1.7-1", &[("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label")]);
    assert_eq!(
        ask(&Model::load(&selected).unwrap(), "text/csv", "", "9,9,1\n1,1,1"),
        "200 text/csv; charset=utf-8 1\n0"
    );
}

#[test]
fn other_boosters_answer_too() {
    let Some(libraries) = installed() else { return };
    for booster in [
        &[("booster", "gblinear")][..],
        &[("booster", "dart"), ("rate_drop", "0.5"), ("one_drop", "1")],
    ] {
        let folder = trained(&libraries, booster, regression);
        let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
        let answer = ask(&model, "text/csv", "", "1,2,3");
        let value: f64 =
            answer.strip_prefix("200 text/csv; charset=utf-8 ").unwrap().trim().parse().unwrap();
        assert!(value.is_finite(), "{answer}");
        // The same row as a matrix of its own, which dart and trees predict by another way.
        assert_eq!(ask(&model, "text/libsvm", "", "0:1 1:2 2:3"), answer);
    }
}

#[test]
fn an_ensemble_answers_the_mean() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[("_kfold", "2")], regression);
    let value = |environment: &[(&str, &str)]| -> f64 {
        let model = Model::load(&given(&folder, &libraries, "3.0-5", environment)).unwrap();
        ask(&model, "text/csv", "", "1,2,3")
            .strip_prefix("200 text/csv; charset=utf-8 ")
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let both = value(&[]);
    let first = value(&[("SAGEMAKER_INFERENCE_ENSEMBLE", "false")]);
    std::fs::remove_file(folder.path("model/xgboost-model-0")).unwrap();
    let second = value(&[]);
    assert_ne!(first, second);
    assert!((both - (first + second) / 2.0).abs() < 1e-4, "{both} of {first} and {second}");
}

#[test]
fn prediction_stops_at_the_best_round() {
    let Some(libraries) = installed() else { return };
    let folder = Folder::new(
        &[
            ("num_round", "500"),
            ("eta", "1"),
            ("early_stopping_rounds", "3"),
            ("eval_metric", "rmse"),
        ],
        &[("train", "csv"), ("validation", "csv")],
    );
    folder.write("input/data/train/a.csv", &rows(300, 3, |row, noise| row[0] + noise * 20.0));
    folder.write("input/data/validation/b.csv", &rows(400, 3, |row, noise| row[0] + noise * 21.0));
    let outcome = folder.train(&libraries).0.unwrap();
    let (best, rounds) = (outcome.best_round.unwrap(), outcome.rounds);
    let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
    let row = Request { content_type: Some("text/csv"), accept: None, body: b"1,2,3" };
    let served = model.predict(row).unwrap().values[0];

    let library = Library::load(&chosen(&libraries).path).unwrap();
    let mut booster = library.booster(&[]).unwrap();
    booster.load(&std::fs::read(&outcome.models[0]).unwrap()).unwrap();
    assert_eq!(booster.rounds().unwrap(), rounds, "the file keeps all rounds");
    let of_rounds = |count| booster.predict_dense(&[1.0, 2.0, 3.0], 1, 3, count).unwrap().values[0];
    assert_eq!(served, of_rounds(best + 1));
    assert_ne!(served, of_rounds(0));
}

#[test]
fn models_that_must_not_be_served() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[], regression);
    let file = folder.path("model/xgboost-model");
    let library = Library::load(&chosen(&libraries).path).unwrap();
    let mut booster = library.booster(&[]).unwrap();
    booster.load(&std::fs::read(&file).unwrap()).unwrap();
    let load = || {
        Model::load(&given(&folder, &libraries, "3.0-5", &[]))
            .map(|model| model.library_version())
            .map_err(|failure| failure.message)
    };
    let json = String::from_utf8(booster.save("json").unwrap()).unwrap();
    std::fs::write(&file, &json).unwrap();
    assert_eq!(load(), Ok(library.version()), "JSON is read too");

    let version = library.version();
    let own = format!("\"version\":[{},{},{}]", version.major, version.minor, version.patch);
    assert!(json.contains(&own));
    std::fs::write(&file, json.replace(&own, "\"version\":[99,1,0]")).unwrap();
    let refused = load().unwrap_err();
    assert!(
        refused.starts_with(
            "the model was written by XGBoost 99.1.0 and only older libraries are installed"
        ),
        "{refused}"
    );

    std::fs::write(&file, b"\x80\x04\x95cxgboost.core\nBooster").unwrap();
    let refused = load().unwrap_err();
    assert!(
        refused.contains("is a pickled model")
            && refused.contains("pickle.load(open('xgboost-model', 'rb'))"),
        "{refused}"
    );

    std::fs::write(&file, "hello").unwrap();
    assert!(
        load()
            .unwrap_err()
            .starts_with("Unable to load model: Model at xgboost-model cannot be loaded: ")
    );
    std::fs::write(&file, &json.as_bytes()[..json.len() / 2]).unwrap();
    assert!(load().unwrap_err().starts_with("Unable to load model: Model at "));
    std::fs::remove_file(&file).unwrap();
    assert!(load().unwrap_err().starts_with("Unable to load model: model.tar.gz has no file"));
}

#[test]
fn the_old_binary_format_is_read_by_libraries_that_still_can() {
    let Some(libraries) = installed() else { return };
    let library = Library::load(&chosen(&libraries).path).unwrap();
    if library.version().series() >= (Series { major: 3, minor: 1 }) {
        eprintln!("skipped: XGBoost {} no longer knows the old binary format", library.version());
        return;
    }
    let folder = trained(&libraries, &[], regression);
    let file = folder.path("model/xgboost-model");
    let model = |tag| Model::load(&given(&folder, &libraries, tag, &[])).unwrap();
    let answer = ask(&model("3.0-5"), "text/csv", "", ROWS);
    let mut booster = library.booster(&[]).unwrap();
    booster.load(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::write(&file, booster.save("deprecated").unwrap()).unwrap();
    assert_eq!(ask(&model("3.0-5"), "text/csv", "", ROWS), answer);
}

#[test]
fn many_threads_get_the_same_answers() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[("num_round", "50")], regression);
    let model = Model::load(&given(&folder, &libraries, "3.0-5", &[])).unwrap();
    let bodies: Vec<String> = (0..50).map(|at| format!("{at}.5,{},{}\n", at % 7, at % 3)).collect();
    let expected: Vec<String> =
        bodies.iter().map(|body| ask(&model, "text/csv", "", body)).collect();
    std::thread::scope(|scope| {
        for start in 0..8 {
            let (model, bodies, expected) = (&model, &bodies, &expected);
            scope.spawn(move || {
                for turn in 0..400 {
                    let at = (start * 7 + turn) % bodies.len();
                    let content_type =
                        if turn % 5 == 0 { "text/csv; charset=utf-8" } else { "text/csv" };
                    assert_eq!(ask(model, content_type, "", &bodies[at]), expected[at]);
                }
            });
        }
    });
}

#[test]
fn over_http() {
    let Some(libraries) = installed() else { return };
    let folder = trained(&libraries, &[], regression);
    let mut given = given(&folder, &libraries, "3.0-5", &[]);
    given.secret = Some("open sesame".to_owned());
    given.payload_bytes_max = Some(64 * 1024);
    let model = Arc::new(Model::load(&given).unwrap());
    let expected = ask(&model, "text/csv", "", "1,2,3").rsplit(' ').next().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = runtime.spawn(serve(model, listener, async {
        let _ = stopped.await;
    }));
    let key = "x-stepwell-endpoint-key: open sesame\r\n";
    let post = |headers: &str, body: &str| {
        send(
            address,
            &format!("POST /invocations HTTP/1.1\r\n{headers}content-length: {}\r\n", body.len()),
            body,
        )
    };
    let get = |path: &str| send(address, &format!("GET {path} HTTP/1.1\r\n{key}"), "");
    assert!(get("/ping").starts_with("HTTP/1.1 200 OK"));
    let parameters = get("/execution-parameters");
    assert!(
        parameters.ends_with(r#"{"MaxConcurrentTransforms": 2, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 0}"#),
        "{parameters}"
    );
    let answer = post(&format!("{key}content-type: text/csv\r\n"), "1,2,3");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&expected), "{answer}");
    let many = "1,2,3\n".repeat(10_000);
    let answer = post(&format!("{key}content-type: text/csv\r\n"), &many);
    assert!(
        answer.ends_with(&expected) && answer.matches(expected.trim()).count() == 10_000,
        "{}",
        answer.len()
    );
    assert!(post("content-type: text/csv\r\n", "1,2,3").starts_with("HTTP/1.1 403"));
    assert!(post("x-stepwell-endpoint-key: open sesamf\r\n", "1,2,3").starts_with("HTTP/1.1 403"));
    assert!(post(&format!("{key}content-type: text/csv\r\n"), "").starts_with("HTTP/1.1 204"));
    assert!(
        post(&format!("{key}content-type: text/csv\r\n"), &"1,2,3\n".repeat(20_000))
            .starts_with("HTTP/1.1 413")
    );
    assert!(get("/nothing").starts_with("HTTP/1.1 404"));
    assert!(get("/invocations").starts_with("HTTP/1.1 405"));
    stop.send(()).unwrap();
    runtime.block_on(server).unwrap();
    assert!(TcpStream::connect(address).is_err(), "nothing listens any more");
}

fn send(address: std::net::SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{head}host: localhost\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    // A server that refuses the body may close before it has all of it.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn chosen(libraries: &[Installed]) -> Installed {
    use algorithms::xgboost::installed::{Wish, choose};
    choose(libraries, Wish { series: Series::of_tag("1.7-1"), ..Wish::default() })
        .unwrap()
        .installed
}
