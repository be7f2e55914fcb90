//! The picture in Mermaid's notation, for documents that are drawn elsewhere.

use std::fmt::Write as _;

use super::Graph;
use super::outline::{Body, LinkKind, State, Target};
use super::progress::Status;

/// A flowchart.
pub(super) fn mermaid(graph: &Graph) -> String {
    let mut writer =
        Writer { graph, text: "flowchart TD\n".to_owned(), next: 0, classes: Vec::new() };
    writer.text.push_str("  start((Start))\n");
    let names = writer.body(&graph.body, 1);
    if let Some(start) = graph.body.start {
        let _ = writeln!(writer.text, "  start --> {}", names[start]);
    }
    writer.text.push_str("  finish((End))\n");
    writer.links(&graph.body, &names, true, 1);
    writer.classes();
    writer.text
}

struct Writer<'a> {
    graph: &'a Graph,
    text: String,
    next: usize,
    classes: Vec<(String, Status)>,
}

impl Writer<'_> {
    /// Declares the states of a body; gives their names in the chart.
    fn body(&mut self, body: &Body, depth: usize) -> Vec<String> {
        body.states.iter().map(|state| self.state(state, depth)).collect()
    }

    fn state(&mut self, state: &State, depth: usize) -> String {
        let name = format!("s{}", self.next);
        self.next += 1;
        let indent = "  ".repeat(depth);
        let mut label = quoted(&state.name);
        let _ = write!(label, "<br/>{}", quoted(&super::picture::subtitle(state)));
        if let Some(progress) = &self.graph.progress {
            let status = progress.state(&state.id).status;
            if status != Status::NotReached {
                self.classes.push((name.clone(), status));
            }
        }
        if state.bodies.iter().all(|body| body.states.is_empty()) {
            let (open, close) = match state.kind.as_str() {
                "Choice" => ("{", "}"),
                "Wait" => ("([", "])"),
                "Succeed" | "Fail" => ("[[", "]]"),
                _ => ("[", "]"),
            };
            let _ = writeln!(self.text, "{indent}{name}{open}\"{label}\"{close}");
            return name;
        }
        let _ = writeln!(self.text, "{indent}subgraph {name}[\"{label}\"]");
        for body in &state.bodies {
            let names = self.body(body, depth + 1);
            self.links(body, &names, false, depth + 1);
        }
        let _ = writeln!(self.text, "{indent}end");
        name
    }

    fn links(&mut self, body: &Body, names: &[String], top: bool, depth: usize) {
        let indent = "  ".repeat(depth);
        for (state, from) in body.states.iter().zip(names) {
            for link in &state.links {
                let to = match link.to {
                    Target::State(place) => names[place].as_str(),
                    Target::End if top => "finish",
                    Target::End => continue,
                };
                let arrow = if link.kind == LinkKind::Catch { "-.->" } else { "-->" };
                let label = match &link.text {
                    Some(text) if !text.is_empty() => format!("|\"{}\"|", quoted(text)),
                    _ => String::new(),
                };
                let _ = writeln!(self.text, "{indent}{from} {arrow}{label} {to}");
            }
        }
    }

    fn classes(&mut self) {
        let colours = [
            (Status::Succeeded, "fill:#eef9ea,stroke:#1a7f0c"),
            (Status::Failed, "fill:#fdf0ed,stroke:#c9290e,stroke-width:3px"),
            (Status::TimedOut, "fill:#fdf0ed,stroke:#c9290e,stroke-width:3px"),
            (Status::Running, "fill:#ecf5ff,stroke:#0969c8,stroke-dasharray:6 4"),
            (Status::Caught, "fill:#fff3e0,stroke:#b35900"),
            (Status::Aborted, "fill:#e9edf1,stroke:#5c6673"),
        ];
        for (status, colour) in colours {
            let of: Vec<&str> = self
                .classes
                .iter()
                .filter(|(_, known)| *known == status)
                .map(|(name, _)| name.as_str())
                .collect();
            if !of.is_empty() {
                let class = status.as_str();
                let _ = writeln!(self.text, "  classDef {class} {colour}");
                let _ = writeln!(self.text, "  class {} {class}", of.join(","));
            }
        }
    }
}

/// Text within quotes: Mermaid reads entities there, and Markdown, which must not begin.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | '|' => {
                let _ = write!(quoted, "#{};", u32::from(character));
            }
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted
}
