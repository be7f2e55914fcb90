//! Runs the program: a command to its end, or a server until it is dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program, with nothing of the environment that could change what it does.
pub fn stepwell(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
    for (name, _) in std::env::vars() {
        if name.starts_with("STEPWELL_") || name.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.args(words).stdin(Stdio::null());
    command
}

/// Exit status, standard output and standard error.
pub fn run(words: &[&str]) -> (i32, String, String) {
    told(stepwell(words).output().unwrap())
}

/// The same of a command made by [`stepwell`].
pub fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// `stepwell serve` on a free port.
pub struct Server {
    pub url: String,
    pub process: Child,
}

impl Server {
    /// Starts one on this data folder, with more flags.
    pub fn start(data: &Path, flags: &[&str]) -> Server {
        Server::start_with(data, flags, &[])
    }

    /// Starts one with variables in its environment.
    pub fn start_with(data: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = stepwell(&["serve", "--log-format", "json"]);
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.arg("--data").arg(data).args(flags).stderr(Stdio::piped());
        command.envs(variables.iter().copied());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines.by_ref().find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            line["url"].as_str().map(str::to_owned)
        });
        let url = url.expect("the server ended before it listened");
        // A full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Server { url, process }
    }

    /// Runs a command against it; what it printed. It must succeed.
    pub fn ask(&self, words: &[&str]) -> String {
        let (status, output, error) = self.try_ask(words);
        assert_eq!(status, 0, "{words:?}: {error}");
        output
    }

    /// Runs a command against it with `--output json`.
    pub fn ask_json(&self, words: &[&str]) -> Value {
        let text = self.ask(&[words, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
    }

    /// Runs a command against it.
    pub fn try_ask(&self, words: &[&str]) -> (i32, String, String) {
        run(&[words, &["--endpoint", &self.url]].concat())
    }

    /// SIGTERM; the exit status.
    pub fn terminate(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.process.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
