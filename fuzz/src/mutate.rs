//! Fuzzing with a stable compiler: seeds from the tests' data, changed at random. Not guided by coverage, so slower
//! to find what libFuzzer finds; it needs nothing but this repository.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --bin mutate -- TARGET SECONDS [SEED]`, or `-- TARGET FILE` to run
//! one input again. What panics, takes longer than five seconds or more than a GiB is written to `fuzz/artifacts`
//! and ends the run. `-- TARGET seeds` writes the seeds where cargo-fuzz looks for its corpus.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use stepwell_fuzz::TARGETS;

const SECONDS_MAX: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 1 << 30;

/// Counts what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's; only sizes are added up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, target)) =
        TARGETS.into_iter().find(|(name, _)| arguments.first().is_some_and(|given| given == name))
    else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: mutate {{{}}} {{SECONDS [SEED] | FILE | seeds}}", names.join("|"));
        std::process::exit(2);
    };
    let what = arguments.get(1).map_or("60", String::as_str);
    let seeds = seeds(name);
    if what == "seeds" {
        let folder = root().join("fuzz/corpus").join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (index, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("{index:05}")), seed).expect("a file");
        }
        println!("{} seeds in {}", seeds.len(), folder.display());
        return;
    }
    let Ok(seconds) = what.parse() else {
        return target(&std::fs::read(what).expect("a file to run"));
    };
    let mut dice = Dice(arguments.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(1));
    let (end, mut runs) = (Instant::now() + Duration::from_secs(seconds), 0_u64);
    while Instant::now() < end {
        let data = changed(&seeds, &mut dice);
        runs += 1;
        PEAK.store(HELD.load(Ordering::Relaxed), Ordering::Relaxed);
        let before = HELD.load(Ordering::Relaxed);
        let run = || {
            let start = on_processor();
            let panicked = catch_unwind(|| target(&data)).is_err();
            (panicked, on_processor().saturating_sub(start))
        };
        let (panicked, took) = run();
        let grew = PEAK.load(Ordering::Relaxed).saturating_sub(before);
        if panicked || took > SECONDS_MAX || grew > BYTES_MAX {
            let folder = root().join("fuzz/artifacts").join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            let file = folder.join(format!("run-{runs}"));
            std::fs::write(&file, &data).expect("a file");
            println!("panicked: {panicked}; {took:?}; {} MiB: {}", grew >> 20, file.display());
            println!("{}", String::from_utf8_lossy(&data));
            std::process::exit(1);
        }
    }
    println!("{name}: {runs} runs in {seconds} s, {} seeds, nothing found", seeds.len());
}

/// How long this thread has had a processor; where the system does not tell, how long it has been.
fn on_processor() -> Duration {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| BEGUN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository")
}

/// What the tests know to be worth reading.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let data = root().join("crates/asl/tests");
    let lines = |file: &str, field: &str| -> Vec<Vec<u8>> {
        let text = std::fs::read_to_string(data.join("data").join(file)).unwrap_or_default();
        let texts = text.lines().filter_map(|line| {
            let case: Value = serde_json::from_str(line).ok()?;
            Some(match &case[field] {
                Value::String(text) => text.clone().into_bytes(),
                Value::Null => return None,
                other => other.to_string().into_bytes(),
            })
        });
        texts.collect()
    };
    let found = match target {
        "definition" => {
            let mut found = lines("diagnostics.jsonl", "definition");
            found.extend(lines("test_state.jsonl", "definition"));
            for file in files(&data.join("cases")) {
                let case = std::fs::read_to_string(file).unwrap_or_default();
                if let Ok(case) = serde_json::from_str::<Value>(&case) {
                    found.push(case["definition"].to_string().into_bytes());
                }
            }
            found
        }
        "jsonata" => {
            let mut found = lines("jsonata-states.jsonl", "expr");
            let suite = std::fs::read_to_string(root().join("../shared/jsonata-suite/cases.jsonl"));
            found.extend(suite.unwrap_or_default().lines().filter_map(|line| {
                let case: Value = serde_json::from_str(line).ok()?;
                Some(case["expr"].as_str()?.as_bytes().to_vec())
            }));
            found
        }
        "jsonpath" => PATHS.iter().map(|path| path.as_bytes().to_vec()).collect(),
        "intrinsic" => CALLS.iter().map(|call| call.as_bytes().to_vec()).collect(),
        _ => BODIES
            .iter()
            .enumerate()
            .flat_map(|(index, body)| {
                (0..64_u16).map(move |more| {
                    let choice = (index as u16).wrapping_mul(7919).wrapping_add(more * 37);
                    [&choice.to_le_bytes(), body.as_bytes()].concat()
                })
            })
            .collect(),
    };
    assert!(!found.is_empty(), "no seeds for {target}");
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            folder if folder.is_dir() => found.extend(files(&folder)),
            file => found.push(file),
        }
    }
    found.sort();
    found
}

const PATHS: [&str; 14] = [
    "$",
    "$.a[0]",
    "$.a[-1:]",
    "$.items[*].id",
    "$..d",
    "$.items[?(@.id > 1 && @.p)].t",
    "$['o']['a'].c[0,1].d",
    "$$.Execution.Input.n",
    "$v.items[1:3].id",
    "$.items.length()",
    "$.a.max()",
    "$.m[?(@ =~ /a.*/i)]",
    "$.items[?(@.t contains 'x')]",
    "$.items[?(@.id in [1, 2])]",
];
const CALLS: [&str; 18] = [
    "States.Format('{} \\'{}\\'', $.n, 'x')",
    "States.StringToJson('{\"a\": 1}')",
    "States.JsonToString($.o)",
    "States.Array(1, $.s, null, true, States.UUID())",
    "States.ArrayPartition($.a, 2)",
    "States.ArrayContains($.a, 2)",
    "States.ArrayRange(1, 9, 2)",
    "States.ArrayGetItem($.a, 1)",
    "States.ArrayLength($.a)",
    "States.ArrayUnique($.a)",
    "States.Base64Encode('x')",
    "States.Base64Decode('eA==')",
    "States.Hash('x', 'SHA-256')",
    "States.JsonMerge($.o, $.o, false)",
    "States.MathRandom(1, 9, 3)",
    "States.MathAdd(1, -1)",
    "States.StringSplit('a,b', ',')",
    "States.UUID()",
];
const BODIES: [&str; 6] = [
    "{}",
    "{\"name\": \"x\", \"definition\": \"{}\", \"roleArn\": \"arn:aws:iam::1:role/r\", \"type\": \"STANDARD\"}",
    "{\"TrainingJobName\": \"j\", \"HyperParameters\": {\"a\": \"1\"}, \"InputDataConfig\": [{\"ChannelName\": \"t\"}], \"StoppingCondition\": {\"MaxRuntimeInSeconds\": 1e9}}",
    "{\"time\": 1700000000.5, \"blob\": \"AAEC\", \"list\": [[[null]]], \"map\": {\"\": {}}}",
    "/2015-03-31/functions/f%20n/invocations?Qualifier=$LATEST&x",
    "AWSStepFunctions.StartExecution",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

/// Pieces of the languages, and what numbers and texts go wrong at.
const WORDS: [&str; 64] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "$",
    "$$",
    ".",
    "..",
    "**",
    "*",
    "%",
    "@",
    "#",
    "^",
    "|",
    "~>",
    ":=",
    "?",
    "??",
    ":",
    ",",
    ";",
    "&",
    "=",
    "!=",
    "<",
    " in ",
    " and ",
    "-",
    "/",
    "\\",
    "\u{1F600}",
    "é",
    "\u{0}",
    "\n",
    "0",
    "-1",
    "1e308",
    "1e-400",
    "99999999999999999999",
    "9007199254740993",
    "0x",
    "null",
    "true",
    "function($x){$x}",
    "λ",
    "$states.input",
    "$string",
    "$map",
    "$sum",
    "$formatNumber(",
    "$fromMillis(",
    "$replace(",
    "/(a|b)*?/",
    "[*]",
    "[?(@",
    "\"Type\":\"Map\"",
    "\"End\":true",
    "States.",
    "{%",
];

fn changed(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut data = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(data.len() + 1);
        let to = (at + 1 + dice.below(12)).min(data.len());
        match dice.below(8) {
            0 if at < data.len() => data[at] ^= 1 << dice.below(8),
            1 if at < to => drop(data.drain(at..to)),
            2 if at < to => {
                let copied = data[at..to].repeat(1 + dice.below(3));
                data.splice(at..at, copied);
            }
            3 => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len() + 1);
                let until = (from + dice.below(40)).min(other.len());
                data.splice(at..at, other[from..until].iter().copied());
            }
            4 if at < to => {
                let moved: Vec<u8> = data.drain(at..to).collect();
                let place = dice.below(data.len() + 1);
                data.splice(place..place, moved);
            }
            5 if at < data.len() => data[at] = dice.below(256) as u8,
            _ => {
                let word = WORDS[dice.below(WORDS.len())].bytes();
                data.splice(at..at, word);
            }
        }
    }
    data
}
