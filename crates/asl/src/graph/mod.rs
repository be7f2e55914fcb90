//! The picture of a state machine, alone or with an execution's history: layered from the start down to
//! the end, Parallel and Map as boxes around their states.
//!
//! Pure like everything here: the same definition and journal give the same picture. A definition that
//! is not valid is drawn as far as it can be read.
//!
//! ```
//! use asl::graph::{Graph, Theme};
//! let graph = Graph::read(r#"{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": true}}}"#);
//! assert!(graph.svg(Theme::Auto).starts_with("<svg"));
//! assert!(graph.text(false).contains("Wait"));
//! ```

mod distributed;
mod layout;
mod mermaid;
mod outline;
mod picture;
mod progress;
mod rule;
mod svg;
mod terminal;
mod text;

use serde_json::Value;

use crate::Timestamp;

pub use outline::LinkKind;
pub use picture::{Line, Node, Picture};
pub use progress::{Iterations, Progress, Seen, Status};
pub use svg::Theme;

/// What is to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    body: outline::Body,
    title: Option<String>,
    progress: Option<Progress>,
    now: Option<Timestamp>,
}

impl Graph {
    /// Reads a definition. A text that is no JSON has no states.
    pub fn read(definition: &str) -> Graph {
        let document: Value = serde_json::from_str(definition).unwrap_or_default();
        Graph { body: outline::read(&document), ..Graph::default() }
    }

    /// With what it is a picture of: a name, an ARN.
    pub fn titled(mut self, title: impl Into<String>) -> Graph {
        self.title = Some(title.into());
        self
    }

    /// With how far an execution of it has come.
    pub fn with_progress(mut self, mut progress: Progress) -> Graph {
        distributed::tell(&self.body, &mut progress);
        self.progress = Some(progress);
        self
    }

    /// With the time of looking, for how long what runs has run.
    pub fn at(mut self, now: Timestamp) -> Graph {
        self.now = Some(now);
        self
    }

    /// Boxes and lines with coordinates in pixels.
    pub fn picture(&self) -> Picture {
        picture::draw(&self.body, self.progress.as_ref(), &svg::METRICS)
    }

    /// An image that needs nothing beside it.
    pub fn svg(&self, theme: Theme) -> String {
        svg::svg(self, theme)
    }

    /// A drawing in characters; with colours if the terminal has them.
    pub fn text(&self, colour: bool) -> String {
        terminal::text(self, colour)
    }

    /// Mermaid's notation, which many documents are drawn from.
    pub fn mermaid(&self) -> String {
        mermaid::mermaid(self)
    }

    /// A title and a description in words, for those who hear the picture.
    fn words(&self) -> (String, String) {
        let title = self.title.clone().unwrap_or_else(|| "State machine".to_owned());
        let mut count = 0;
        let mut told: Vec<(Status, Vec<&str>)> = Vec::new();
        let mut bodies = vec![&self.body];
        while let Some(body) = bodies.pop() {
            for state in &body.states {
                count += 1;
                bodies.extend(&state.bodies);
                let Some(progress) = &self.progress else { continue };
                let status = progress.state(&state.id).status;
                match told.iter_mut().find(|(known, _)| *known == status) {
                    Some((_, names)) => names.push(&state.name),
                    None => told.push((status, vec![&state.name])),
                }
            }
        }
        let states = if count == 1 { "1 state".to_owned() } else { format!("{count} states") };
        let mut words = match self.body.start.and_then(|start| self.body.states.get(start)) {
            Some(first) => format!("A state machine of {states}; it starts at {}.", first.name),
            None => format!("A state machine of {states}."),
        };
        if let Some(progress) = &self.progress {
            words.push_str(&format!(" The execution: {}.", progress.status().words()));
        }
        told.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
        for (status, names) in told.iter().filter(|(status, _)| *status != Status::NotReached) {
            let shown = names.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(10);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            words.push_str(&format!(" States that are {}: {shown}{more}.", status.words()));
        }
        (title, words)
    }
}
