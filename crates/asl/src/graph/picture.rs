//! The drawn picture: boxes and lines with coordinates, and what each stands for.

use serde_json::{Value, json};

use super::layout::{self, Edge, Graph, Placed, Point, Size, Spacing};
use super::outline::{Body, Link, LinkKind, State, Target};
use super::progress::{Progress, Seen, Status};

/// A picture. Coordinates are absolute; boxes come before what lies in them.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The lines.
    pub edges: Vec<Line>,
}

/// A state, or the dot where everything starts or ends.
#[derive(Clone, Debug)]
pub struct Node {
    /// `$start`, `$end`, or the state's place in the definition: `Train`, `Fan/0/Work`.
    pub id: String,
    /// The state's name.
    pub name: String,
    /// Its type as written; `Start` and `End` for the dots.
    pub kind: String,
    /// `Resource` of a Task.
    pub resource: Option<String>,
    /// The type and what it does.
    pub subtitle: String,
    /// The name in lines that fit.
    pub lines: Vec<String>,
    /// The left side.
    pub x: f64,
    /// The upper side.
    pub y: f64,
    /// How wide.
    pub width: f64,
    /// How high.
    pub height: f64,
    /// The state it lies in.
    pub parent: Option<String>,
    /// Whether there are states in it.
    pub container: bool,
    /// How far it has come.
    pub seen: Seen,
}

/// A transition.
#[derive(Clone, Debug)]
pub struct Line {
    /// Unique and the same each time.
    pub id: String,
    /// The node it leaves.
    pub from: String,
    /// The node it leads to.
    pub to: String,
    /// What it stands for.
    pub kind: LinkKind,
    /// Its label, short enough to be drawn.
    pub label: Option<String>,
    /// What it is taken for, whole.
    pub text: Option<String>,
    /// Its way, from border to border.
    pub points: Vec<(f64, f64)>,
    /// The middle of its label.
    pub label_at: Option<(f64, f64)>,
    /// Whether the execution went this way.
    pub taken: bool,
}

/// How big things are where they are drawn.
pub(super) struct Metrics {
    pub spacing: Spacing,
    /// The name in lines, and the size of the box around them.
    pub state: fn(&State, &str, bool) -> (Vec<String>, Size),
    /// What a label's text becomes, and its size.
    pub label: fn(&str) -> (String, Size),
    pub dot: Size,
    /// Around the states in a container: left and right, above (below its title), below.
    pub padding: (f64, f64, f64),
    /// Between the branches in a container.
    pub branches: f64,
    /// Around the whole picture.
    pub margin: (f64, f64),
}

/// The title, subtitle and lines of a state, as every output shows them.
pub(super) fn subtitle(state: &State) -> String {
    if state.does.is_empty() {
        state.kind.clone()
    } else {
        format!("{}: {}", state.kind, state.does)
    }
}

/// Draws.
pub(super) fn draw(body: &Body, progress: Option<&Progress>, metrics: &Metrics) -> Picture {
    let artist = Artist { metrics, progress };
    let mut drawn = artist.body(body, true);
    let (across, down) = metrics.margin;
    let mut picture = Picture {
        width: drawn.size.width + 2.0 * across,
        height: drawn.size.height + 2.0 * down,
        ..Picture::default()
    };
    drawn.shift(across, down);
    drawn.pour(None, &mut picture);
    picture
}

struct Artist<'a> {
    metrics: &'a Metrics,
    progress: Option<&'a Progress>,
}

/// A body that is laid out, with coordinates from its own left upper corner.
#[derive(Default)]
struct Drawn {
    size: Size,
    nodes: Vec<(Node, Vec<Drawn>)>,
    edges: Vec<Line>,
}

impl Drawn {
    fn shift(&mut self, right: f64, down: f64) {
        for (node, inner) in &mut self.nodes {
            node.x += right;
            node.y += down;
            inner.iter_mut().for_each(|body| body.shift(right, down));
        }
        for edge in &mut self.edges {
            let label = edge.label_at.iter_mut();
            for point in edge.points.iter_mut().chain(label) {
                *point = (point.0 + right, point.1 + down);
            }
        }
    }

    fn pour(self, parent: Option<&str>, into: &mut Picture) {
        for (mut node, inner) in self.nodes {
            node.parent = parent.map(str::to_owned);
            let id = node.id.clone();
            into.nodes.push(node);
            inner.into_iter().for_each(|body| body.pour(Some(&id), into));
        }
        into.edges.extend(self.edges);
    }
}

/// A box before it has its place.
struct Planned {
    node: Node,
    inner: Vec<Drawn>,
}

impl Artist<'_> {
    fn body(&self, body: &Body, top: bool) -> Drawn {
        let mut planned: Vec<Planned> = Vec::with_capacity(body.states.len() + 2);
        let mut graph = Graph::default();
        let mut lines: Vec<Line> = Vec::new();
        // The first node is where the layout begins.
        let order = body
            .start
            .into_iter()
            .chain((0..body.states.len()).filter(|place| Some(*place) != body.start));
        let order: Vec<usize> = order.collect();
        let offset = usize::from(top);
        let mut place_of = vec![0; body.states.len()];
        for (position, &place) in order.iter().enumerate() {
            place_of[place] = position + offset;
        }
        let end = body.states.len() + offset;
        if top {
            planned.push(self.dot("$start", "Start"));
        }
        planned.extend(order.iter().map(|&place| self.state(&body.states[place])));
        if top {
            planned.push(self.dot("$end", "End"));
        }
        graph.nodes = planned
            .iter()
            .map(|planned| Size { width: planned.node.width, height: planned.node.height })
            .collect();
        if top && let Some(start) = body.start {
            let to = &planned[place_of[start]].node.id;
            let taken = self.progress.is_some_and(|progress| progress.started_at().is_some());
            lines.push(line("$start", to, LinkKind::Start, 0, taken));
            graph.edges.push(Edge { from: 0, to: place_of[start], label: None, aside: false });
        }
        for &place in &order {
            let state = &body.states[place];
            let mut numbers = [0_usize; 6];
            for link in &state.links {
                let number = &mut numbers[link.kind as usize];
                let (index, target) = (*number, link.to);
                *number += 1;
                let to = match target {
                    Target::State(target) => place_of[target],
                    Target::End if top => end,
                    Target::End => continue,
                };
                let catcher = (link.kind == LinkKind::Catch).then_some(index as u32);
                let inner = match target {
                    Target::State(target) => Some(body.states[target].id.as_str()),
                    Target::End => None,
                };
                let taken =
                    self.progress.is_some_and(|progress| progress.taken(&state.id, inner, catcher));
                let mut line = line(&state.id, &planned[to].node.id, link.kind, index, taken);
                let label = self.label(link, &mut line);
                lines.push(line);
                let aside = link.kind == LinkKind::Catch;
                graph.edges.push(Edge { from: place_of[place], to, label, aside });
            }
        }
        let Placed { size, nodes, routes } = layout::place(&graph, &self.metrics.spacing);
        for (line, route) in lines.iter_mut().zip(routes) {
            line.points = route.points;
            line.label_at = route.label;
        }
        let nodes = planned.into_iter().zip(nodes).map(|(planned, at)| planned.at(at)).collect();
        Drawn { size, nodes, edges: lines }
    }

    fn label(&self, link: &Link, line: &mut Line) -> Option<Size> {
        line.text = link.text.clone();
        let text = link.text.as_deref()?;
        // That a line is dashed says that it catches; which errors only where it is not all.
        if link.kind == LinkKind::Catch && matches!(text, "" | "States.ALL") {
            return None;
        }
        let (label, size) = (self.metrics.label)(text);
        line.label = Some(label);
        Some(size)
    }

    fn dot(&self, id: &str, name: &str) -> Planned {
        let status = match (self.progress, id) {
            (None, _) => Status::NotReached,
            (Some(progress), "$start") if progress.started_at().is_none() => Status::NotReached,
            (Some(_), "$start") => Status::Succeeded,
            (Some(progress), _) => match progress.status() {
                Status::Running => Status::NotReached,
                ended => ended,
            },
        };
        let node = Node {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: name.to_owned(),
            resource: None,
            subtitle: String::new(),
            lines: vec![name.to_owned()],
            x: 0.0,
            y: 0.0,
            width: self.metrics.dot.width,
            height: self.metrics.dot.height,
            parent: None,
            container: false,
            seen: Seen { status, ..Seen::default() },
        };
        Planned { node, inner: Vec::new() }
    }

    fn state(&self, state: &State) -> Planned {
        let seen = self.progress.map(|progress| progress.state(&state.id)).unwrap_or_default();
        let subtitle = subtitle(state);
        let (lines, mut size) = (self.metrics.state)(state, &subtitle, self.progress.is_some());
        let mut inner: Vec<Drawn> =
            state.bodies.iter().map(|body| self.body(body, false)).collect();
        inner.retain(|body| !body.nodes.is_empty());
        let container = !inner.is_empty();
        if container {
            let (beside, above, below) = self.metrics.padding;
            let gaps = self.metrics.branches * (inner.len() - 1) as f64;
            let width = inner.iter().map(|body| body.size.width).sum::<f64>() + gaps;
            let height = inner.iter().map(|body| body.size.height).fold(0.0, f64::max);
            let title = size;
            size.width = title.width.max(width + 2.0 * beside);
            size.height = title.height + above + height + below;
            if self.metrics.spacing.whole && size.width % 2.0 == 0.0 {
                size.width += 1.0;
            }
            let mut x = ((size.width - width) / 2.0).floor();
            for body in &mut inner {
                let wide = body.size.width;
                body.shift(x, title.height + above);
                x += wide + self.metrics.branches;
            }
        }
        let node = Node {
            id: state.id.clone(),
            name: state.name.clone(),
            kind: state.kind.clone(),
            resource: state.resource.clone(),
            subtitle,
            lines,
            x: 0.0,
            y: 0.0,
            width: size.width,
            height: size.height,
            parent: None,
            container,
            seen,
        };
        Planned { node, inner }
    }
}

impl Planned {
    fn at(mut self, (x, y): Point) -> (Node, Vec<Drawn>) {
        (self.node.x, self.node.y) = (x, y);
        self.inner.iter_mut().for_each(|body| body.shift(x, y));
        (self.node, self.inner)
    }
}

fn line(from: &str, to: &str, kind: LinkKind, index: usize, taken: bool) -> Line {
    Line {
        id: format!("{from}:{}{index}", kind.as_str()),
        from: from.to_owned(),
        to: to.to_owned(),
        kind,
        label: None,
        text: None,
        points: Vec::new(),
        label_at: None,
        taken,
    }
}

impl Picture {
    /// With its coordinates, for whoever draws it himself.
    pub fn json(&self) -> Value {
        json!({
            "width": self.width,
            "height": self.height,
            "nodes": self.nodes.iter().map(Node::json).collect::<Vec<_>>(),
            "edges": self.edges.iter().map(Line::json).collect::<Vec<_>>(),
        })
    }
}

impl Node {
    fn json(&self) -> Value {
        let seen = &self.seen;
        let mut node = json!({
            "id": self.id,
            "name": self.name,
            "type": self.kind,
            "subtitle": self.subtitle,
            "lines": self.lines,
            "x": self.x,
            "y": self.y,
            "width": self.width,
            "height": self.height,
            "parent": self.parent,
            "container": self.container,
            "status": seen.status.as_str(),
            "retries": seen.retries,
            "visits": seen.visits,
        });
        let optional = [
            ("resource", self.resource.as_deref().map(Value::from)),
            ("iterations", seen.iterations.map(|counts| json!(counts))),
            ("start", seen.start.map(|at| at.0.into())),
            ("end", seen.end.map(|at| at.0.into())),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                node[member] = value;
            }
        }
        node
    }
}

impl Line {
    fn json(&self) -> Value {
        let mut line = json!({
            "id": self.id,
            "from": self.from,
            "to": self.to,
            "kind": self.kind.as_str(),
            "points": self.points,
            "taken": self.taken,
        });
        let optional = [
            ("label", self.label.as_deref().map(Value::from)),
            ("text", self.text.as_deref().map(Value::from)),
            ("labelAt", self.label_at.map(|at| json!(at))),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                line[member] = value;
            }
        }
        line
    }
}
