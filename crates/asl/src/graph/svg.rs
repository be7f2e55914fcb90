//! The picture as SVG that needs nothing beside it: styles within, light and dark, words for screen
//! readers. A status is told by colour and by a sign.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::layout::{Crossing, Gap, Size, Spacing};
use super::outline::State;
use super::picture::{Line, Metrics, Node};
use super::progress::{Iterations, Status};
use super::{Graph, LinkKind, text};

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As whoever looks at it prefers.
    #[default]
    Auto,
}

const NAME: f64 = 13.0;
const SMALL: f64 = 11.0;
const LINE: f64 = 17.0;
/// Left of the text: the type's sign.
const SIGN: f64 = 36.0;
/// Right of the text: the status.
const BADGE: f64 = 24.0;

pub(super) const METRICS: Metrics = Metrics {
    spacing: Spacing { nodes: 36.0, lines: 18.0, ports: 22.0, selves: 22.0, whole: false, gap },
    state,
    label,
    dot: Size { width: 52.0, height: 26.0 },
    padding: (20.0, 14.0, 20.0),
    branches: 28.0,
    margin: (20.0, 20.0),
};

fn gap(crossings: &[Crossing], labels: bool) -> Gap {
    let far = crossings.iter().map(|line| (line.above - line.below).abs()).fold(0.0, f64::max);
    let least = if labels { 20.0 } else { 40.0 };
    let height = (least + (far * 0.06).min(40.0)).round();
    Gap { height, tracks: vec![None; crossings.len()] }
}

fn state(state: &State, subtitle: &str, progress: bool) -> (Vec<String>, Size) {
    // Bold letters are wider.
    let name = |line: &str| text::pixels(line, NAME * 1.1);
    let lines = text::wrap(&state.name, 200.0, 3, name);
    let wide = lines.iter().map(|line| name(line)).fold(0.0, f64::max);
    let wide = wide.max(text::pixels(subtitle, SMALL).min(200.0));
    let badge = if progress { BADGE } else { 0.0 };
    let least = match (progress, state.kind.as_str()) {
        (false, _) => 130.0,
        // Room for the counts of its items.
        (true, "Map") => 290.0,
        (true, _) => 170.0,
    };
    let width = (SIGN + wide + badge + 14.0).max(least);
    let rows = lines.len() as f64 * LINE + 15.0 + if progress { 15.0 } else { 0.0 };
    (lines, Size { width: width.ceil(), height: rows + 18.0 })
}

fn label(label: &str) -> (String, Size) {
    let label = text::cut(label, 190.0, |part| text::pixels(part, SMALL));
    let width = text::pixels(&label, SMALL).ceil() + 12.0;
    (label, Size { width, height: 18.0 })
}

/// The picture as SVG.
pub(super) fn svg(graph: &Graph, theme: Theme) -> String {
    let picture = graph.picture();
    let (title, words) = graph.words();
    let (width, height) = (number(picture.width), number(picture.height));
    let theme_class = match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
        Theme::Auto => "auto",
    };
    let followed = if graph.progress.is_some() { " followed" } else { "" };
    let mut svg = String::with_capacity(4096 + 900 * picture.nodes.len());
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"stepwell-graph {theme_class}{followed}\" \
         role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title>{}</title>\n<desc>{}</desc>\n<style>{}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(&title),
        escaped(&words),
        style(theme),
    );
    for node in picture.nodes.iter().filter(|node| node.container) {
        draw_node(&mut svg, node, graph);
    }
    // What the execution has done lies on top.
    let mut lines: Vec<&Line> = picture.edges.iter().collect();
    lines.sort_by(|one, other| {
        let length = |line: &Line| -> f64 {
            line.points.windows(2).map(|step| (step[0].1 - step[1].1).abs()).sum()
        };
        one.taken.cmp(&other.taken).then(length(other).total_cmp(&length(one)))
    });
    let mut known = Known::default();
    for line in lines {
        draw_line(&mut svg, line, &mut known);
    }
    for node in picture.nodes.iter().filter(|node| !node.container) {
        draw_node(&mut svg, node, graph);
    }
    for line in &picture.edges {
        draw_label(&mut svg, line);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_node(svg: &mut String, node: &Node, graph: &Graph) {
    let status = node.seen.status;
    if matches!(node.kind.as_str(), "Start" | "End") && node.id.starts_with('$') {
        draw_dot(svg, node);
        return;
    }
    let class = if node.container { "container" } else { "state" };
    let _ = write!(
        svg,
        "<g class=\"{class} {}\" data-state=\"{}\"><title>{}</title>\
         <rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
        status.as_str(),
        escaped(&node.id),
        escaped(&told(node, graph)),
        number(node.x),
        number(node.y),
        number(node.width),
        number(node.height),
    );
    let _ = write!(
        svg,
        "<path class=\"sign\" transform=\"translate({} {})\" d=\"{}\"/>",
        number(node.x + 12.0),
        number(node.y + 10.0),
        sign(&node.kind),
    );
    let left = number(node.x + SIGN);
    let mut y = node.y + 22.0;
    for line in &node.lines {
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{left}\" y=\"{}\">{}</text>",
            number(y),
            escaped(line)
        );
        y += LINE;
    }
    y -= 1.0;
    let room = node.width - SIGN - 10.0;
    let mut row = |text: &str, class: &str, y: f64| {
        let shown = text::cut(text, room, |part| text::pixels(part, SMALL));
        let _ = write!(
            svg,
            "<text class=\"{class}\" x=\"{left}\" y=\"{}\">{}</text>",
            number(y),
            escaped(&shown)
        );
    };
    row(&node.subtitle, "small", y);
    let detail = detail(node, graph);
    if !detail.is_empty() {
        row(&detail, "small detail", y + 15.0);
    }
    badge(svg, status, node.x + node.width - 20.0, node.y + 18.0);
    svg.push_str("</g>\n");
}

fn draw_dot(svg: &mut String, node: &Node) {
    let _ = writeln!(
        svg,
        "<g class=\"dot {}\"><rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" \
         rx=\"{}\"/><text class=\"small\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
        node.seen.status.as_str(),
        number(node.x),
        number(node.y),
        number(node.width),
        number(node.height),
        number(node.height / 2.0),
        number(node.x + node.width / 2.0),
        number(node.y + node.height / 2.0 + 4.0),
        node.name,
    );
}

/// Duration, retries, visits, iterations: what happened in a state, on one line.
pub(super) fn detail(node: &Node, graph: &Graph) -> String {
    let seen = &node.seen;
    let mut parts = Vec::new();
    if seen.status != Status::NotReached {
        let end = seen.end.or(graph.now);
        if let (Some(start), Some(end)) = (seen.start, end) {
            parts.push(text::duration(end.0 - start.0));
        }
    }
    if seen.retries > 0 {
        parts.push(counted(seen.retries, "retry", "retries"));
    }
    if let Some(counts) = seen.iterations {
        parts.push(iterations(counts));
    } else if seen.visits > 1 {
        parts.push(counted(seen.visits, "visit", "visits"));
    }
    parts.join(" · ")
}

/// `3 of 5 items · 1 failed`
pub(super) fn iterations(counts: Iterations) -> String {
    let mut told = format!("{} of {}", counts.succeeded, counted(counts.total, "item", "items"));
    for (count, word) in
        [(counts.failed, "failed"), (counts.aborted, "aborted"), (counts.running, "running")]
    {
        if count > 0 {
            let _ = write!(told, " · {count} {word}");
        }
    }
    told
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The whole of a state in words.
fn told(node: &Node, graph: &Graph) -> String {
    let mut told = format!("{} ({})", node.name, node.subtitle);
    if graph.progress.is_some() {
        let _ = write!(told, ": {}", node.seen.status.words());
        let detail = detail(node, graph);
        if !detail.is_empty() {
            let _ = write!(told, ", {detail}");
        }
    }
    told
}

/// A sign of 16 by 16 for each type.
fn sign(kind: &str) -> &'static str {
    match kind {
        "Task" => "M2 3h12v10H2z M6 6l4 2-4 2z",
        "Choice" => "M8 1l7 7-7 7-7-7z",
        "Wait" => "M8 1.5a6.5 6.5 0 1 0 .01 0z M8 4.5V8l2.5 2",
        "Parallel" => "M2 3h12 M4.5 3v10 M11.5 3v10 M2 13h12",
        "Map" => "M2 2h8v8H2z M5 10v3.5h8.5V5H10",
        "Succeed" => "M8 1.5a6.5 6.5 0 1 0 .01 0z M5 8l2.2 2.5L11 6",
        "Fail" => "M8 1.5a6.5 6.5 0 1 0 .01 0z M5.5 5.5l5 5 M10.5 5.5l-5 5",
        "Pass" => "M2 8h11 M9.5 4.5L13 8l-3.5 3.5",
        _ => "M6 6a2 2 0 1 1 2.5 2v1.5 M8.5 12v.5",
    }
}

/// A sign of its own for each status, so that colour is not all.
fn badge(svg: &mut String, status: Status, x: f64, y: f64) {
    let (shape, mark) = match status {
        Status::NotReached => return,
        Status::Succeeded => ("M0-8a8 8 0 1 0 .01 0z", "M-3.6.2l2.5 2.8L3.7-2.8"),
        Status::Failed => {
            ("M-3.3-8h6.6L8-3.3v6.6L3.3 8h-6.6L-8 3.3v-6.6z", "M-2.8-2.8l5.6 5.6M2.8-2.8l-5.6 5.6")
        }
        Status::Caught => ("M0-8.5L9 7.5H-9z", "M0-3v5M0 4.6v.6"),
        Status::Aborted => ("M-7-7H7V7H-7z", "M-3.5 0h7"),
        Status::TimedOut => ("M-3.3-8h6.6L8-3.3v6.6L3.3 8h-6.6L-8 3.3v-6.6z", "M0-4.2V0l3 2"),
        Status::Running => ("M0-8a8 8 0 1 0 .01 0z", "M0-4.5a4.5 4.5 0 1 1-4.5 4.5"),
    };
    let _ = write!(
        svg,
        "<g class=\"badge\" transform=\"translate({} {})\"><path class=\"shape\" d=\"{shape}\"/>\
         <path class=\"mark\" d=\"{mark}\"/></g>",
        number(x),
        number(y),
    );
}

/// Upright lines that are drawn already, by their look and place. Lines that share their way are drawn
/// once: dashes upon dashes would be no dashes. The longest comes first, so that it covers the others.
#[derive(Default)]
struct Known(HashMap<(bool, bool, u64), Vec<(f64, f64)>>);

impl Known {
    /// Whether it is new; if so it is known from now on.
    fn is_new(&mut self, line: &Line, from: (f64, f64), to: (f64, f64)) -> bool {
        let look = (line.taken, line.kind == LinkKind::Catch, from.0.to_bits());
        let spans = self.0.entry(look).or_default();
        let span = (from.1.min(to.1), from.1.max(to.1));
        if spans.iter().any(|known| known.0 <= span.0 && span.1 <= known.1) {
            return false;
        }
        spans.push(span);
        true
    }
}

fn draw_line(svg: &mut String, line: &Line, known: &mut Known) {
    let mut class = String::from("line");
    if line.kind == LinkKind::Catch {
        class.push_str(" catch");
    }
    if line.taken {
        class.push_str(" taken");
    }
    let title = match (&line.text, line.kind) {
        (Some(text), LinkKind::Catch) => format!("<title>catches {}</title>", escaped(text)),
        (Some(text), _) => format!("<title>{}</title>", escaped(text)),
        (None, _) => String::new(),
    };
    let Some((arrow, path)) = way(line, known) else { return };
    let _ = writeln!(
        svg,
        "<g class=\"{class}\">{title}<path d=\"{path}\"/><path class=\"arrow\" d=\"{arrow}\"/></g>"
    );
}

/// The arrow's head and the line before it: straight where it runs straight, else a curve that begins
/// and ends upright.
fn way(line: &Line, known: &mut Known) -> Option<(String, String)> {
    const HEAD: f64 = 7.0;
    let mut points = line.points.clone();
    let [.., before, tip] = points[..] else { return None };
    let sideways = before.1 == tip.1;
    let (along, across) = if sideways {
        (((tip.0 - before.0).signum(), 0.0), (0.0, 1.0))
    } else {
        ((0.0, (tip.1 - before.1).signum()), (1.0, 0.0))
    };
    let back = (tip.0 - along.0 * HEAD, tip.1 - along.1 * HEAD);
    let corner =
        |side: f64| (back.0 + across.0 * side * HEAD * 0.5, back.1 + across.1 * side * HEAD * 0.5);
    let (one, other) = (corner(1.0), corner(-1.0));
    let arrow = format!("M{} L{} L{}z", pair(tip), pair(one), pair(other));
    if let Some(last) = points.last_mut() {
        *last = back;
    }
    let mut path = String::new();
    let mut at = None;
    for step in points.windows(2) {
        let (from, to) = (step[0], step[1]);
        let upright = from.0 == to.0;
        if upright && !known.is_new(line, from, to) {
            continue;
        }
        if at != Some(from) {
            let _ = write!(path, "M{}", pair(from));
        }
        if upright || from.1 == to.1 {
            let _ = write!(path, " L{}", pair(to));
        } else {
            let middle = (from.1 + to.1) / 2.0;
            let (first, second) = ((from.0, middle), (to.0, middle));
            let _ = write!(path, " C{} {} {}", pair(first), pair(second), pair(to));
        }
        at = Some(to);
    }
    Some((arrow, path))
}

fn draw_label(svg: &mut String, line: &Line) {
    let (Some(label), Some((x, y))) = (&line.label, line.label_at) else { return };
    let width = text::pixels(label, SMALL) + 8.0;
    let taken = if line.taken { " taken" } else { "" };
    let _ = writeln!(
        svg,
        "<g class=\"label{taken}\"><title>{}</title><rect x=\"{}\" y=\"{}\" width=\"{}\" \
         height=\"16\" rx=\"3\"/><text class=\"small\" x=\"{}\" y=\"{}\" \
         text-anchor=\"middle\">{}</text></g>",
        escaped(line.text.as_deref().unwrap_or(label)),
        number(x - width / 2.0),
        number(y - 8.0),
        number(width),
        number(x),
        number(y + 4.0),
        escaped(label),
    );
}

fn pair((x, y): (f64, f64)) -> String {
    format!("{} {}", number(x), number(y))
}

/// Two digits behind the point, no more than are needed.
fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // No `-0`.
    format!("{}", rounded + 0.0)
}

/// Text that XML takes for nothing else. What XML cannot hold at all is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

const LIGHT: &str = "--ground:#fff;--box:#fff;--inside:#f5f7f9;--ink:#16191f;--muted:#56606e;\
    --border:#aab4c0;--line:#8a95a3;--pale:#c3cbd5;--on:#fff;\
    --green:#1a7f0c;--green-box:#eef9ea;--red:#c9290e;--red-box:#fdf0ed;\
    --blue:#0969c8;--blue-box:#ecf5ff;--orange:#b35900;--orange-box:#fff3e0;\
    --grey:#5c6673;--grey-box:#e9edf1;";

const DARK: &str = "--ground:#10161f;--box:#1a2330;--inside:#151d28;--ink:#e8ecf1;--muted:#a3afbe;\
    --border:#556275;--line:#8794a5;--pale:#465263;--on:#10161f;\
    --green:#6fcf63;--green-box:#17301a;--red:#ff8a73;--red-box:#3a1c18;\
    --blue:#6cb6ff;--blue-box:#13294a;--orange:#ffb454;--orange-box:#3a280f;\
    --grey:#aab4c0;--grey-box:#2a323d;";

const RULES: &str = "\
    .stepwell-graph{background:var(--ground);font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}\
    .stepwell-graph .ground{fill:var(--ground)}\
    .stepwell-graph .box{fill:var(--box);stroke:var(--border);stroke-width:1.5}\
    .stepwell-graph .container>.box{fill:var(--inside)}\
    .stepwell-graph text{fill:var(--ink);stroke:none}\
    .stepwell-graph .name{font-size:13px;font-weight:600}\
    .stepwell-graph .small{font-size:11px;fill:var(--muted)}\
    .stepwell-graph .sign{fill:none;stroke:var(--muted);stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}\
    .stepwell-graph .line path{fill:none;stroke:var(--line);stroke-width:1.4}\
    .stepwell-graph .line .arrow{fill:var(--line);stroke:none}\
    .stepwell-graph .line.catch path{stroke-dasharray:5 4}\
    .stepwell-graph.followed .line path{stroke:var(--pale)}\
    .stepwell-graph.followed .line .arrow{fill:var(--pale);stroke:none}\
    .stepwell-graph.followed .line.taken path{stroke:var(--ink);stroke-width:1.8}\
    .stepwell-graph.followed .line.taken .arrow{fill:var(--ink);stroke:none}\
    .stepwell-graph.followed .line.taken.catch path{stroke:var(--orange)}\
    .stepwell-graph.followed .line.taken.catch .arrow{fill:var(--orange);stroke:none}\
    .stepwell-graph .label rect{fill:var(--ground);stroke:none}\
    .stepwell-graph .label.taken text{fill:var(--ink)}\
    .stepwell-graph .badge .shape{stroke:none}\
    .stepwell-graph .badge .mark{fill:none;stroke:var(--on);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}\
    .stepwell-graph .notReached>.box{stroke:var(--pale)}\
    .stepwell-graph:not(.followed) .notReached>.box{stroke:var(--border)}\
    .stepwell-graph .succeeded>.box{fill:var(--green-box);stroke:var(--green)}\
    .stepwell-graph .succeeded>.badge .shape{fill:var(--green)}\
    .stepwell-graph .failed>.box,.stepwell-graph .timedOut>.box{fill:var(--red-box);stroke:var(--red);stroke-width:2.5}\
    .stepwell-graph .failed>.badge .shape,.stepwell-graph .timedOut>.badge .shape{fill:var(--red)}\
    .stepwell-graph .running>.box{fill:var(--blue-box);stroke:var(--blue);stroke-width:2;stroke-dasharray:8 4;animation:stepwell-march 1s linear infinite}\
    .stepwell-graph .running>.badge .shape{fill:var(--blue)}\
    .stepwell-graph .running>.badge .mark{animation:stepwell-turn 1s linear infinite}\
    .stepwell-graph .caught>.box{fill:var(--orange-box);stroke:var(--orange);stroke-width:2}\
    .stepwell-graph .caught>.badge .shape{fill:var(--orange)}\
    .stepwell-graph .aborted>.box{fill:var(--grey-box);stroke:var(--grey)}\
    .stepwell-graph .aborted>.badge .shape{fill:var(--grey)}\
    @keyframes stepwell-march{to{stroke-dashoffset:-12}}\
    @keyframes stepwell-turn{to{transform:rotate(360deg)}}\
    @media (prefers-reduced-motion:reduce){.stepwell-graph *{animation:none!important}}";

/// Every selector names the class, so that a page that holds the image keeps its own looks.
fn style(theme: Theme) -> String {
    match theme {
        Theme::Light => format!(".stepwell-graph.light{{{LIGHT}}}{RULES}"),
        Theme::Dark => format!(".stepwell-graph.dark{{{DARK}}}{RULES}"),
        Theme::Auto => format!(
            ".stepwell-graph.auto{{{LIGHT}}}\
             @media (prefers-color-scheme:dark){{.stepwell-graph.auto{{{DARK}}}}}{RULES}"
        ),
    }
}
