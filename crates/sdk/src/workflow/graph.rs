//! A picture of a definition: boxes and ways, as text.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use serde_json::{Value, json};

use super::Picture;
use crate::client::Client;

/// A picture of a workflow's states and the ways between them. It prints as text with Unicode boxes,
/// without asking anyone; a server draws it better, as its [`picture`](Graph::picture).
///
/// ```
/// use stepwell_sdk::steps::{Chain, Pass, Succeed};
/// use stepwell_sdk::Workflow;
///
/// let chain = Chain::new().then(Pass::new("Greet")).then(Succeed::new("Done"));
/// let picture = Workflow::new("greet", chain, "arn:aws:iam::000000000000:role/stepwell")?.render_graph().to_string();
/// assert!(picture.contains("│ Greet · Pass   │"), "{picture}");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    definition: Value,
    picture: Picture,
}

impl Graph {
    pub(super) fn new(definition: Value, client: Option<&Client>) -> Self {
        let picture = Picture::new(client, json!({ "definition": definition }));
        Graph { definition, picture }
    }

    /// The picture as a Stepwell server draws it.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Shows itself in a Jupyter notebook of Rust (evcxr): as an image if there is a server, else as text.
    pub fn evcxr_display(&self) {
        self.picture.display(&self.to_string());
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        draw(&self.definition).iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The lines of one scope: the machine or what is inside a state.
fn draw(scope: &Value) -> Vec<String> {
    let states = &scope["States"];
    let mut boxes: Vec<Vec<String>> = vec![];
    let mut ways: Vec<Way> = vec![];
    let mut drawn: BTreeSet<String> = BTreeSet::new();
    // Each start is the head of a line of states; the machine's own comes first.
    let mut starts: VecDeque<String> =
        scope["StartAt"].as_str().map(str::to_owned).into_iter().collect();
    while let Some(start) = starts.pop_front() {
        let mut here = Some(start);
        while let Some(name) = here.take() {
            let state = &states[&name];
            if !state.is_object() || !drawn.insert(name.clone()) {
                continue;
            }
            boxes.push(contents(&name, state));
            starts.extend(branches(state));
            let next = state["Next"].as_str().or_else(|| state["Default"].as_str());
            match next {
                Some(next) if drawn.contains(next) => ways.push(Way::Back(next.to_owned())),
                Some(next) => {
                    ways.push(Way::On);
                    here = Some(next.to_owned());
                }
                None => ways.push(Way::End),
            }
        }
    }

    let mut lines = vec![];
    for (contents, way) in boxes.iter().zip(&ways) {
        let width = width_of(contents).max(14);
        let rule = "─".repeat(width + 2);
        lines.push(format!("┌{rule}┐"));
        lines.extend(contents.iter().map(|line| format!("│ {} │", padded(line, width))));
        lines.push(match way {
            Way::End => format!("└{rule}┘"),
            Way::On | Way::Back(_) => format!("└───┬{}┘", "─".repeat(width - 2)),
        });
        match way {
            Way::On => lines.push("    ▼".to_owned()),
            Way::Back(target) => lines.push(format!("    └─▶ {target}")),
            Way::End => {}
        }
    }
    lines
}

enum Way {
    /// To the box below.
    On,
    /// To a box drawn above.
    Back(String),
    End,
}

/// What stands in a state's box.
fn contents(name: &str, state: &Value) -> Vec<String> {
    let kind = state["Type"].as_str().unwrap_or("?");
    let mut lines = vec![format!("{name} · {kind}")];
    if let Some(resource) = state["Resource"].as_str() {
        lines.push(format!("  {}", resource.strip_prefix("arn:aws:states:::").unwrap_or(resource)));
    }
    for choice in list(&state["Choices"]) {
        lines.push(format!("  {} ─▶ {}", rule(choice), choice["Next"].as_str().unwrap_or("?")));
    }
    if let (Some(default), "Choice") = (state["Default"].as_str(), kind) {
        lines.push(format!("  otherwise ─▶ {default}"));
    }
    for retrier in list(&state["Retry"]) {
        let attempts = retrier["MaxAttempts"].as_u64().unwrap_or(3);
        lines.push(format!("  ↻ {} up to {attempts} times", errors(retrier)));
    }
    for catcher in list(&state["Catch"]) {
        lines.push(format!(
            "  ⚠ {} ─▶ {}",
            errors(catcher),
            catcher["Next"].as_str().unwrap_or("?")
        ));
    }
    let inside = [&state["ItemProcessor"], &state["Iterator"]];
    let inside = list(&state["Branches"]).iter().chain(inside).filter(|scope| scope.is_object());
    lines.extend(beside(inside.map(draw).collect()));
    lines
}

/// Drawings side by side as long as they fit on a screen, else one under the other.
fn beside(drawings: Vec<Vec<String>>) -> Vec<String> {
    let widths: Vec<usize> = drawings.iter().map(|drawing| width_of(drawing)).collect();
    if widths.iter().map(|width| width + 2).sum::<usize>() > 100 {
        return drawings.concat();
    }
    let height = drawings.iter().map(Vec::len).max().unwrap_or(0);
    let row = |index: usize| {
        let parts = drawings.iter().zip(&widths).map(|(drawing, width)| {
            padded(drawing.get(index).map(String::as_str).unwrap_or_default(), *width)
        });
        parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

fn width_of(lines: &[String]) -> usize {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn padded(line: &str, width: usize) -> String {
    format!("{line:width$}")
}

/// The states a state leads to beside its next one.
fn branches(state: &Value) -> impl Iterator<Item = String> {
    let choices = list(&state["Choices"]).iter().chain(list(&state["Catch"]));
    choices.filter_map(|way| way["Next"].as_str().map(str::to_owned))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn errors(handler: &Value) -> String {
    list(&handler["ErrorEquals"]).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// A Choice rule in words.
fn rule(rule: &Value) -> String {
    let together = |rules: &Value, word: &str| {
        let rules: Vec<String> = list(rules).iter().map(self::rule).collect();
        format!("({})", rules.join(word))
    };
    if let Some(condition) = rule["Condition"].as_str() {
        return condition.to_owned();
    }
    if rule["And"].is_array() {
        return together(&rule["And"], " and ");
    }
    if rule["Or"].is_array() {
        return together(&rule["Or"], " or ");
    }
    if rule["Not"].is_object() {
        return format!("not {}", self::rule(&rule["Not"]));
    }
    let variable = rule["Variable"].as_str().unwrap_or("?");
    let comparison = rule.as_object().into_iter().flatten();
    let mut comparison =
        comparison.filter(|(name, _)| !matches!(name.as_str(), "Variable" | "Next" | "Comment"));
    let Some((operator, value)) = comparison.next() else { return variable.to_owned() };
    // A path is shown as it is, a constant as JSON.
    let value = match (operator.ends_with("Path"), value.as_str()) {
        (true, Some(path)) => path.to_owned(),
        _ => value.to_string(),
    };
    let operator = operator.strip_suffix("Path").unwrap_or(operator);
    let sign = ["String", "Numeric", "Boolean", "Timestamp"]
        .iter()
        .find_map(|kind| operator.strip_prefix(kind))
        .and_then(|relation| match relation {
            "Equals" => Some("="),
            "LessThan" => Some("<"),
            "GreaterThan" => Some(">"),
            "LessThanEquals" => Some("≤"),
            "GreaterThanEquals" => Some("≥"),
            "Matches" => Some("like"),
            _ => None,
        });
    match sign {
        Some(sign) => format!("{variable} {sign} {value}"),
        None => format!("{variable} {operator} {value}"),
    }
}
