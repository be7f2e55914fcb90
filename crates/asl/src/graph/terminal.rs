//! The picture in characters: boxes and lines of Unicode, colours of ANSI if the terminal has them.

use std::collections::BTreeMap;

use super::layout::{Crossing, Gap, Size, Spacing};
use super::outline::State;
use super::picture::{Line, Metrics, Node, draw};
use super::progress::Status;
use super::{Graph, LinkKind, svg, text};

/// A name has at most so many cells a line, a subtitle in all.
const NAME_CELLS: f64 = 34.0;

pub(super) const METRICS: Metrics = Metrics {
    spacing: Spacing { nodes: 3.0, lines: 2.0, ports: 4.0, selves: 3.0, whole: true, gap },
    state,
    label,
    dot: Size { width: 7.0, height: 1.0 },
    padding: (2.0, -1.0, 1.0),
    branches: 3.0,
    margin: (0.0, 0.0),
};

fn width(text: &str) -> f64 {
    text::cells(text) as f64
}

fn odd(width: f64) -> f64 {
    if width % 2.0 == 0.0 { width + 1.0 } else { width }
}

fn state(state: &State, subtitle: &str, progress: bool) -> (Vec<String>, Size) {
    let lines = text::wrap(&printable(&state.name), NAME_CELLS, 3, width);
    let sign = if progress { 2.0 } else { 0.0 };
    let wide = lines.iter().map(|line| width(line) + sign).fold(0.0, f64::max);
    let wide =
        wide.max(width(subtitle).min(NAME_CELLS)).max(match (progress, state.kind.as_str()) {
            (false, _) => 7.0,
            (true, "Map") => 40.0,
            (true, _) => 17.0,
        });
    let rows = lines.len() as f64 + 1.0 + if progress { 1.0 } else { 0.0 };
    (lines, Size { width: odd(wide + 4.0), height: rows + 2.0 })
}

fn label(label: &str) -> (String, Size) {
    let label = text::cut(&printable(label), 32.0, width);
    let size = Size { width: odd(width(&label)), height: 1.0 };
    (label, size)
}

/// Without what would move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Each line that does not go straight down gets a row to go across, its own where it would lie on
/// another; lines that meet below share theirs.
fn gap(crossings: &[Crossing], _: bool) -> Gap {
    let column = |x: f64| x.floor() as i64;
    let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, crossing) in crossings.iter().enumerate() {
        groups.entry(column(crossing.below)).or_default().push(index);
    }
    let mut rows: Vec<Vec<(i64, i64)>> = Vec::new();
    let mut tracks = vec![None; crossings.len()];
    // Where lines turn down that have a row already: whoever comes from above there must come sooner.
    let mut pending: Vec<(i64, Vec<usize>)> = groups
        .into_iter()
        .filter(|(below, lines)| lines.iter().any(|&line| column(crossings[line].above) != *below))
        .collect();
    while !pending.is_empty() {
        // A group may go first if no other one comes from above where it goes down; if all do, any may.
        let free = pending.iter().position(|(below, _)| {
            !pending.iter().any(|(other, lines)| {
                other != below && lines.iter().any(|&line| column(crossings[line].above) == *below)
            })
        });
        let (below, lines) = pending.remove(free.unwrap_or(0));
        let columns = lines.iter().map(|&line| column(crossings[line].above));
        let left = columns.clone().min().unwrap_or(below).min(below);
        let right = columns.clone().max().unwrap_or(below).max(below);
        let row = rows
            .iter()
            .position(|spans| spans.iter().all(|span| right + 1 < span.0 || span.1 + 1 < left))
            .unwrap_or(rows.len());
        if row == rows.len() {
            rows.push(Vec::new());
        }
        rows[row].push((left, right));
        for line in lines {
            tracks[line] = Some(row as f64);
        }
    }
    Gap { height: rows.len() as f64 + 1.0, tracks }
}

/// The drawing, a line a row, without spaces at the ends.
pub(super) fn text(graph: &Graph, colour: bool) -> String {
    let picture = draw(&graph.body, graph.progress.as_ref(), &METRICS);
    let mut canvas = Canvas::new(picture.width as usize + 1, picture.height as usize + 1);
    for node in picture.nodes.iter().filter(|node| node.container) {
        canvas.node(node, graph);
    }
    for line in picture.edges.iter().filter(|line| !line.taken) {
        canvas.line(line);
    }
    for line in picture.edges.iter().filter(|line| line.taken) {
        canvas.line(line);
    }
    for node in picture.nodes.iter().filter(|node| !node.container) {
        canvas.node(node, graph);
    }
    for line in &picture.edges {
        canvas.tips(line);
    }
    for line in &picture.edges {
        canvas.label(line);
    }
    canvas.text(colour)
}

/// How a cell is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ink {
    #[default]
    Plain,
    Faint,
    Strong,
    Of(Status),
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Plain | Ink::Of(Status::NotReached) => "0",
            Ink::Faint => "0;2",
            Ink::Strong => "0;1",
            Ink::Of(Status::Succeeded) => "0;32",
            Ink::Of(Status::Failed | Status::TimedOut) => "0;31",
            Ink::Of(Status::Running) => "0;34",
            Ink::Of(Status::Caught) => "0;33",
            Ink::Of(Status::Aborted) => "0;90",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// A character; the second half of a wide one is `\0`.
    character: Option<char>,
    /// Lines through the cell: up, down, left, right.
    ways: u8,
    dashed: bool,
    ink: Ink,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

struct Canvas {
    width: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Canvas {
        Canvas { width, cells: vec![Cell::default(); width * height] }
    }

    fn at(&mut self, x: i64, y: i64) -> Option<&mut Cell> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x < self.width { self.cells.get_mut(y * self.width + x) } else { None }
    }

    fn put(&mut self, x: i64, y: i64, character: char, ink: Ink) {
        if let Some(cell) = self.at(x, y) {
            *cell = Cell { character: Some(character), ink, ..Cell::default() };
        }
    }

    fn write(&mut self, mut x: i64, y: i64, text: &str, ink: Ink) {
        for character in text.chars() {
            let width = text::cells(character.encode_utf8(&mut [0; 4]));
            if width == 0 {
                continue;
            }
            self.put(x, y, character, ink);
            for _ in 1..width {
                x += 1;
                self.put(x, y, '\0', ink);
            }
            x += 1;
        }
    }

    fn node(&mut self, node: &Node, graph: &Graph) {
        let (left, top) = (node.x as i64, node.y as i64);
        let (right, bottom) = (left + node.width as i64 - 1, top + node.height as i64 - 1);
        let status = node.seen.status;
        let ink = Ink::Of(status);
        if node.id.starts_with('$') {
            let sign = if node.name == "Start" { "● Start" } else { " ◉ End" };
            self.write(left, top, sign, ink);
            return;
        }
        for y in top..=bottom {
            for x in left..=right {
                let edge = match (x == left, x == right, y == top, y == bottom) {
                    (true, _, true, _) => '┌',
                    (_, true, true, _) => '┐',
                    (true, _, _, true) => '└',
                    (_, true, _, true) => '┘',
                    (false, false, false, false) => ' ',
                    (_, _, false, false) => '│',
                    _ => '─',
                };
                self.put(x, y, edge, ink);
            }
        }
        let mut row = top + 1;
        for (index, line) in node.lines.iter().enumerate() {
            let mut x = left + 2;
            if graph.progress.is_some() {
                if index == 0 {
                    self.write(x, row, sign(status), ink);
                }
                x += 2;
            }
            self.write(x, row, line, Ink::Strong);
            row += 1;
        }
        let room = node.width - 4.0;
        let detail = svg::detail(node, graph);
        for text in [printable(&node.subtitle), detail] {
            self.write(left + 2, row, &text::cut(&text, room, width), Ink::Faint);
            row += 1;
        }
    }

    /// The cells of a line, from the upper end to the lower one or from left to right.
    fn line(&mut self, line: &Line) {
        let ink = match (line.taken, line.kind) {
            (true, LinkKind::Catch) => Ink::Of(Status::Caught),
            (true, _) => Ink::Strong,
            (false, _) => Ink::Faint,
        };
        let dashed = line.kind == LinkKind::Catch;
        let corners = corners(line);
        for pair in corners.windows(2) {
            let ((mut x, mut y), (to_x, to_y)) = (pair[0], pair[1]);
            // What was too long to be laid out goes down first and then across.
            while (x, y) != (to_x, to_y) {
                let (out, back, next) = if y != to_y {
                    if to_y > y { (DOWN, UP, (x, y + 1)) } else { (UP, DOWN, (x, y - 1)) }
                } else if to_x > x {
                    (RIGHT, LEFT, (x + 1, y))
                } else {
                    (LEFT, RIGHT, (x - 1, y))
                };
                self.way(x, y, out, dashed, ink);
                self.way(next.0, next.1, back, dashed, ink);
                (x, y) = next;
            }
        }
        // Both ends reach the boxes.
        if let (Some(first), Some(last)) = (corners.first(), corners.last()) {
            let (out, into) = match (line.from == line.to, leads_down(line)) {
                (true, _) => (LEFT, LEFT),
                (false, true) => (UP, DOWN),
                (false, false) => (DOWN, UP),
            };
            self.way(first.0, first.1, out, dashed, ink);
            self.way(last.0, last.1, into, dashed, ink);
        }
    }

    fn way(&mut self, x: i64, y: i64, way: u8, dashed: bool, ink: Ink) {
        if let Some(cell) = self.at(x, y) {
            cell.dashed = dashed && (cell.ways == 0 || cell.dashed);
            cell.ways |= way;
            cell.character = None;
            cell.ink = ink;
        }
    }

    /// Where a line leaves a box, and the head of its arrow.
    fn tips(&mut self, line: &Line) {
        let corners = corners(line);
        let (Some(&first), Some(&last)) = (corners.first(), corners.last()) else { return };
        let sideways = line.from == line.to;
        let down = leads_down(line);
        let (joint, border, arrow) = if sideways {
            ('├', (first.0 - 1, first.1), '◀')
        } else if down {
            ('┬', (first.0, first.1 - 1), '▼')
        } else {
            ('┴', (first.0, first.1 + 1), '▲')
        };
        if let Some(cell) = self.at(border.0, border.1)
            && matches!(cell.character, Some('─' | '│'))
        {
            cell.character = Some(joint);
        }
        let ink = self.at(last.0, last.1).map_or(Ink::Plain, |cell| cell.ink);
        self.put(last.0, last.1, arrow, ink);
    }

    fn label(&mut self, line: &Line) {
        let (Some(label), Some((x, y))) = (&line.label, line.label_at) else { return };
        let left = x.floor() as i64 - (text::cells(label) as i64 - 1) / 2;
        let left = if line.from == line.to { x.floor() as i64 } else { left };
        let ink = if line.taken { Ink::Strong } else { Ink::Plain };
        self.write(left, y.floor() as i64, label, ink);
    }

    fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for row in self.cells.chunks(self.width) {
            let shown = row.iter().rposition(|cell| cell.shown() != ' ').map_or(0, |last| last + 1);
            let mut ink = Ink::Plain;
            for cell in &row[..shown] {
                let character = cell.shown();
                if colour && character != ' ' && cell.ink.code() != ink.code() {
                    ink = cell.ink;
                    text.push_str("\x1b[");
                    text.push_str(ink.code());
                    text.push('m');
                }
                if character != '\0' {
                    text.push(character);
                }
            }
            if colour && ink.code() != Ink::Plain.code() {
                text.push_str("\x1b[0m");
            }
            text.push('\n');
        }
        let end = text.trim_end_matches('\n').len();
        text.truncate(end);
        text.push('\n');
        text
    }
}

impl Cell {
    fn shown(&self) -> char {
        if let Some(character) = self.character {
            return character;
        }
        let across = self.ways & (LEFT | RIGHT);
        let along = self.ways & (UP | DOWN);
        match (along, across) {
            (0, 0) => ' ',
            (_, 0) => {
                if self.dashed {
                    '┊'
                } else {
                    '│'
                }
            }
            (0, _) => {
                if self.dashed {
                    '┄'
                } else {
                    '─'
                }
            }
            (UP, LEFT) => '┘',
            (UP, RIGHT) => '└',
            (UP, _) => '┴',
            (DOWN, LEFT) => '┐',
            (DOWN, RIGHT) => '┌',
            (DOWN, _) => '┬',
            (_, LEFT) => '┤',
            (_, RIGHT) => '├',
            _ => '┼',
        }
    }
}

fn leads_down(line: &Line) -> bool {
    match (line.points.first(), line.points.last()) {
        (Some(first), Some(last)) => first.1 <= last.1,
        _ => true,
    }
}

/// The cells where a line turns, the first and the last beside the boxes.
fn corners(line: &Line) -> Vec<(i64, i64)> {
    let mut corners: Vec<(i64, i64)> =
        line.points.iter().map(|point| (point.0.floor() as i64, point.1.floor() as i64)).collect();
    // A box's lower border is the first row below it, its upper border the first row within it.
    let down = leads_down(line);
    let sideways = line.from == line.to;
    if let [first, .., last] = &mut corners[..]
        && !sideways
    {
        if down {
            last.1 -= 1;
        } else {
            first.1 -= 1;
        }
    }
    corners
}

/// A sign for each status, as wide as a letter.
fn sign(status: Status) -> &'static str {
    match status {
        Status::NotReached => " ",
        Status::Running => "▶",
        Status::Succeeded => "✔",
        Status::Failed => "✘",
        Status::Caught => "▲",
        Status::Aborted => "■",
        Status::TimedOut => "◷",
    }
}
