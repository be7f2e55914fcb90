//! How long a round trip takes without the network: `cargo bench -p algorithms`, with an XGBoost library in
//! `STEPWELL_XGBOOST_LIB` or the active virtual environment.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use algorithms::xgboost::inference::Request;
use algorithms::xgboost::{Installed, Model, ServeModel, TrainJob, find, train};

const ROWS: usize = 8500;
const COLUMNS: usize = 12;

fn main() {
    if installed().is_empty() {
        eprintln!("no XGBoost library found: set STEPWELL_XGBOOST_LIB");
        return;
    }
    divan::main();
}

/// One row of CSV in, one line of CSV out, through the whole of an invocation.
#[divan::bench]
fn invoke_one_row(bencher: divan::Bencher) {
    let model = model();
    bencher.bench(|| model.invoke(request(b"1,2,3,4,5,6,7,8,9,1,2,3")));
}

/// The same from two threads at once.
#[divan::bench(threads = [2])]
fn invoke_one_row_on_threads(bencher: divan::Bencher) {
    let model = model();
    bencher.bench(|| model.invoke(request(b"1,2,3,4,5,6,7,8,9,1,2,3")));
}

/// One row in libsvm, which goes through a matrix.
#[divan::bench]
fn invoke_one_row_of_libsvm(bencher: divan::Bencher) {
    let model = model();
    let body = b"0:1 1:2 2:3 3:4 4:5 5:6 6:7 7:8 8:9 9:1 10:2 11:3";
    bencher.bench(|| model.invoke(Request { content_type: Some("text/libsvm"), ..request(body) }));
}

/// 1,000 rows of CSV.
#[divan::bench]
fn invoke_a_thousand_rows(bencher: divan::Bencher) {
    let model = model();
    let body = "1,2,3,4,5,6,7,8,9,1,2,3\n".repeat(1000);
    bencher.bench(|| model.invoke(request(body.as_bytes())));
}

/// 100 rounds on 8,500 × 12 rows: the whole job, from files to the model's file.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn train_a_hundred_rounds(bencher: divan::Bencher) {
    let folder = job(100);
    bencher.bench(|| run(&folder));
}

/// The same job with one round: what is not boosting.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn train_one_round(bencher: divan::Bencher) {
    let folder = job(1);
    bencher.bench(|| run(&folder));
}

fn request(body: &[u8]) -> Request<'_> {
    Request { content_type: Some("text/csv"), accept: Some("text/csv"), body }
}

fn installed() -> &'static [Installed] {
    static FOUND: OnceLock<Vec<Installed>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let candidates = ["STEPWELL_XGBOOST_LIB", "VIRTUAL_ENV"].map(std::env::var_os);
        find(&candidates.into_iter().flatten().map(PathBuf::from).collect::<Vec<_>>())
    })
}

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = job(100);
        run(&folder);
        let given = ServeModel {
            folder: folder.path().join("model"),
            libraries: installed().to_vec(),
            ..ServeModel::default()
        };
        Model::load(&given).unwrap_or_else(|failure| panic!("{failure}"))
    })
}

fn job(rounds: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut state = 42_u64;
    let mut roll = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut text = String::new();
    for _ in 0..ROWS {
        let row: Vec<f64> = (0..COLUMNS).map(|_| (roll() * 1000.0).round() / 100.0).collect();
        let _ = write!(text, "{}", 3.0 * row[0] - row[1] * row[2] / 2.0 + roll());
        row.iter().for_each(|value| {
            let _ = write!(text, ",{value}");
        });
        text.push('\n');
    }
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("can be made");
        std::fs::write(path, text).expect("can be written");
    };
    write(&folder.path().join("input/data/train/train.csv"), &text);
    let config = folder.path().join("input/config");
    write(
        &config.join("hyperparameters.json"),
        &format!(
            r#"{{"num_round":"{rounds}","objective":"reg:squarederror","max_depth":"5","eta":"0.2"}}"#
        ),
    );
    write(&config.join("inputdataconfig.json"), r#"{"train":{"ContentType":"text/csv"}}"#);
    folder
}

fn run(folder: &tempfile::TempDir) {
    let stop = AtomicBool::new(false);
    let job = TrainJob {
        root: folder.path().to_owned(),
        libraries: installed().to_vec(),
        series: None,
        exact: false,
        cpus: 2,
        stop: &stop,
    };
    train(&job, &mut std::io::sink()).unwrap_or_else(|failure| panic!("{failure}"));
}
