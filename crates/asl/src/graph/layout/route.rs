//! From middles to corners and lines: heights of layers and gaps, ports at the boxes, ways between them.

use std::collections::HashMap;

use super::{
    Crossing, Edge, Gap, Graph, Kind, Layered, Part, Path, Placed, Point, Route, Size, Spacing,
    Trunk,
};

pub(super) fn routes(
    graph: &Graph,
    back: &[bool],
    layered: &Layered,
    mut centres: Vec<f64>,
    spacing: &Spacing,
) -> Placed {
    let half = |vertex: usize| layered.vertices[vertex].size.width / 2.0;
    let left = (0..centres.len()).map(|vertex| centres[vertex] - half(vertex));
    let left = left.fold(f64::INFINITY, f64::min);
    centres.iter_mut().for_each(|x| *x -= left);
    let right = (0..centres.len()).map(|vertex| centres[vertex] + half(vertex));
    let width = right.fold(0.0, f64::max);

    let ports = ports(graph, back, layered, &centres, spacing);
    let gaps = gaps(layered, &centres, &ports, spacing);
    let (bands, height) = bands(layered, &gaps);

    let nodes: Vec<Point> = (0..graph.nodes.len())
        .map(|node| {
            let vertex = layered.of_node[node];
            let (top, bottom) = bands[layered.vertices[vertex].layer];
            let size = graph.nodes[node];
            let y = (top + bottom - size.height) / 2.0;
            let y = if spacing.whole { y.floor() } else { y };
            (centres[vertex] - size.width / 2.0, y)
        })
        .collect();
    let ways: Vec<Way> = layered
        .trunks
        .iter()
        .map(|trunk| Way::of(trunk, layered, &centres, &gaps, &bands))
        .collect();
    let routes = (0..graph.edges.len())
        .map(|index| {
            let edge = &graph.edges[index];
            if edge.from == edge.to {
                return around(edge, nodes[edge.from], graph.nodes[edge.from], spacing);
            }
            let Some(path) = &layered.paths[index] else { return Route::default() };
            let parts: Vec<Part> = layered.parts(path).collect();
            let mut points = Vec::with_capacity(2 * parts.len());
            let mut label = None;
            for (step, &part) in parts.iter().enumerate() {
                match part {
                    Part::Trunk { trunk, cuts } => {
                        ways[trunk].follow(cuts, layered.trunks[trunk].back, &mut points);
                    }
                    Part::Vertex(vertex) => {
                        let (top, bottom) = bands[layered.vertices[vertex].layer];
                        match layered.vertices[vertex].kind {
                            Kind::Node(node) if step == 0 => {
                                let x = ports[index].0;
                                points.push((x, nodes[node].1 + graph.nodes[node].height));
                                points.push((x, bottom));
                            }
                            Kind::Node(node) => {
                                let x = ports[index].1;
                                points.extend([(x, top), (x, nodes[node].1)]);
                            }
                            kind => {
                                let x = centres[vertex];
                                if kind == Kind::Label {
                                    label = Some((x, (top + bottom) / 2.0));
                                }
                                points.extend([(x, top), (x, bottom)]);
                            }
                        }
                    }
                }
                if let Some(&next) = parts.get(step + 1) {
                    let (upper, lower) = (layered.bottom(part), layered.top(next));
                    if layered.touch(upper, lower) {
                        let crossing = crossing(index, path, upper, lower, &centres, &ports);
                        points.extend(
                            gaps[layered.vertices[upper].layer]
                                .across(crossing, bands[layered.vertices[upper].layer].1),
                        );
                    }
                }
            }
            let mut points = straightened(points);
            if back[index] {
                points.reverse();
            }
            Route { points, label }
        })
        .collect();
    Placed { size: Size { width, height }, nodes, routes }
}

/// Where an edge leaves the box above and where it comes to the box below.
type Ports = (f64, f64);

/// Lines that go on lie side by side; those to the side and those that lead back leave beside them; all
/// that come in meet in the middle.
fn ports(
    graph: &Graph,
    back: &[bool],
    layered: &Layered,
    centres: &[f64],
    spacing: &Spacing,
) -> Vec<Ports> {
    let mut ports = vec![(0.0, 0.0); graph.edges.len()];
    // Edges below and above each node.
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (index, edge) in graph.edges.iter().enumerate() {
        if edge.from != edge.to {
            let (upper, lower) =
                if back[index] { (edge.to, edge.from) } else { (edge.from, edge.to) };
            below[upper].push(index);
            above[lower].push(index);
        }
    }
    for node in 0..graph.nodes.len() {
        let centre = centres[layered.of_node[node]];
        let width = graph.nodes[node].width;
        let towards = |index: usize, under: bool| {
            let Some(path) = &layered.paths[index] else { return centre };
            let mut parts = layered.parts(path);
            centres[if under {
                parts.nth(1).map_or(path.lower, |part| layered.top(part))
            } else {
                let before = parts.filter(|part| *part != Part::Vertex(path.lower)).last();
                before.map_or(path.upper, |part| layered.bottom(part))
            }]
        };
        let (mut on, side): (Vec<usize>, Vec<usize>) =
            below[node].iter().partition(|&&index| !back[index] && !graph.edges[index].aside);
        on.sort_by(|&one, &other| towards(one, true).total_cmp(&towards(other, true)));
        let spread = spread(on.len(), width, spacing);
        for (place, &index) in on.iter().enumerate() {
            ports[index].0 = centre + spread[place];
        }
        let reach = spread.last().copied().unwrap_or(0.0);
        for (index, x) in beside(&side, centre, reach, width, spacing, |index| {
            (towards(index, true), back[index] && !graph.edges[index].aside)
        }) {
            ports[index].0 = x;
        }
        let (side, on): (Vec<usize>, Vec<usize>) =
            above[node].iter().partition(|&&index| back[index]);
        for index in on {
            ports[index].1 = centre;
        }
        for (index, x) in
            beside(&side, centre, 0.0, width, spacing, |index| (towards(index, false), false))
        {
            ports[index].1 = x;
        }
    }
    ports
}

/// So many places around the middle of a box.
fn spread(count: usize, width: f64, spacing: &Spacing) -> Vec<f64> {
    let gaps = count.saturating_sub(1).max(1) as f64;
    let step = spacing.ports.min((width / 2.0 - spacing.ports).max(0.0) * 2.0 / gaps);
    let step = if spacing.whole { step.floor() } else { step };
    let first = -step * count.saturating_sub(1) as f64 / 2.0;
    let first = if spacing.whole { first.ceil() } else { first };
    (0..count).map(|place| first + step * place as f64).collect()
}

/// Places to the left and right of the middle ones, on the side where each line goes. Lines that share
/// their way (the second of the pair) share their place.
fn beside(
    edges: &[usize],
    centre: f64,
    reach: f64,
    width: f64,
    spacing: &Spacing,
    towards: impl Fn(usize) -> (f64, bool),
) -> Vec<(usize, f64)> {
    let most = (width / 2.0 - spacing.ports / 2.0).max(0.0);
    let most = if spacing.whole { most.floor() } else { most };
    let mut sorted: Vec<(usize, f64, bool)> = edges
        .iter()
        .map(|&index| {
            let (x, shared) = towards(index);
            (index, x, shared)
        })
        .collect();
    sorted.sort_by(|one, other| (one.1 - centre).abs().total_cmp(&(other.1 - centre).abs()));
    let (mut lefts, mut rights) = (reach, reach);
    let mut shared_at: [Option<f64>; 2] = [None, None];
    let mut found = Vec::with_capacity(edges.len());
    for (index, x, shared) in sorted {
        let side = usize::from(x >= centre);
        let known = shared_at[side].filter(|_| shared);
        let place = known.unwrap_or_else(|| {
            let far = if side == 1 { &mut rights } else { &mut lefts };
            *far = (*far + spacing.ports).min(most);
            if side == 1 { centre + *far } else { centre - *far }
        });
        if shared {
            shared_at[side] = Some(place);
        }
        found.push((index, place));
    }
    found
}

fn crossing(
    index: usize,
    path: &Path,
    upper: usize,
    lower: usize,
    centres: &[f64],
    ports: &[Ports],
) -> Crossing {
    let above = if upper == path.upper { ports[index].0 } else { centres[upper] };
    let below = if lower == path.lower { ports[index].1 } else { centres[lower] };
    Crossing { above, below }
}

/// The way along a trunk, from the node it leads to outwards, without points on straight lines.
struct Way {
    points: Vec<Point>,
    /// After each cut, how many points there are and the last of them, which further cuts may move.
    reached: Vec<(usize, Point)>,
}

impl Way {
    fn of(
        trunk: &Trunk,
        layered: &Layered,
        centres: &[f64],
        gaps: &[Known],
        bands: &[(f64, f64)],
    ) -> Way {
        let mut points = Vec::new();
        let mut reached = Vec::with_capacity(trunk.cuts.len());
        for (place, &cut) in trunk.cuts.iter().enumerate() {
            let (top, bottom) = bands[layered.vertices[cut].layer];
            let x = centres[cut];
            let mut further = vec![(x, top), (x, bottom)];
            if place > 0 {
                let (upper, lower) = trunk.between(place);
                let layer = layered.vertices[upper].layer;
                let crossing = Crossing { above: centres[upper], below: centres[lower] };
                let across = gaps[layer].across(crossing, bands[layer].1);
                let at = if trunk.back { 0 } else { further.len() };
                further.splice(at..at, across);
            }
            if !trunk.back {
                further.reverse();
            }
            further.into_iter().for_each(|point| straight_on(&mut points, point));
            reached.push((points.len(), *points.last().unwrap_or(&(x, top))));
        }
        Way { points, reached }
    }

    /// Adds the way past so many cuts, from top to bottom.
    fn follow(&self, cuts: usize, back: bool, points: &mut Vec<Point>) {
        let (count, last) = self.reached[cuts - 1];
        let from = points.len();
        points.extend_from_slice(&self.points[..count - 1]);
        points.push(last);
        if !back {
            points[from..].reverse();
        }
    }
}

/// A gap with the crossings it was asked about.
struct Known {
    gap: Gap,
    tracks: HashMap<(u64, u64), Option<f64>>,
}

impl Known {
    /// The points of a crossing that does not run straight, below a layer that ends at `bottom`.
    fn across(&self, crossing: Crossing, bottom: f64) -> impl Iterator<Item = Point> + use<> {
        let track = self.tracks.get(&key(crossing)).copied().flatten();
        let at = move |x: f64| track.map(|track| (x, bottom + track));
        at(crossing.above).into_iter().chain(at(crossing.below))
    }
}

fn key(crossing: Crossing) -> (u64, u64) {
    (crossing.above.to_bits(), crossing.below.to_bits())
}

/// The gap below each layer.
fn gaps(layered: &Layered, centres: &[f64], ports: &[Ports], spacing: &Spacing) -> Vec<Known> {
    let mut crossings: Vec<Vec<Crossing>> = vec![Vec::new(); layered.layers.len()];
    let mut known: Vec<HashMap<(u64, u64), Option<f64>>> =
        vec![HashMap::new(); layered.layers.len()];
    let mut cross = |layer: usize, crossing: Crossing| {
        if known[layer].insert(key(crossing), None).is_none() {
            crossings[layer].push(crossing);
        }
    };
    // So many cuts of each trunk are done.
    let mut done = vec![1; layered.trunks.len()];
    for (index, path) in layered.paths.iter().enumerate() {
        let Some(path) = path else { continue };
        let parts: Vec<Part> = layered.parts(path).collect();
        for (step, &part) in parts.iter().enumerate() {
            if let Part::Trunk { trunk, cuts } = part {
                for place in done[trunk]..cuts {
                    let (upper, lower) = layered.trunks[trunk].between(place);
                    let crossing = Crossing { above: centres[upper], below: centres[lower] };
                    cross(layered.vertices[upper].layer, crossing);
                }
                done[trunk] = done[trunk].max(cuts);
            }
            if let Some(&next) = parts.get(step + 1) {
                let (upper, lower) = (layered.bottom(part), layered.top(next));
                if layered.touch(upper, lower) {
                    let crossing = crossing(index, path, upper, lower, centres, ports);
                    cross(layered.vertices[upper].layer, crossing);
                }
            }
        }
    }
    let last = layered.layers.len() - 1;
    crossings
        .iter()
        .zip(known)
        .enumerate()
        .map(|(layer, (crossings, mut tracks))| {
            if layer == last {
                return Known { gap: Gap { height: 0.0, tracks: Vec::new() }, tracks };
            }
            let labels = has_labels(layered, layer) || has_labels(layered, layer + 1);
            let gap = (spacing.gap)(crossings, labels);
            for (crossing, track) in crossings.iter().zip(&gap.tracks) {
                tracks.insert(key(*crossing), *track);
            }
            Known { gap, tracks }
        })
        .collect()
}

fn has_labels(layered: &Layered, layer: usize) -> bool {
    layered.layers[layer].iter().any(|&vertex| layered.vertices[vertex].kind == Kind::Label)
}

/// Top and bottom of each layer, and the height of all.
fn bands(layered: &Layered, gaps: &[Known]) -> (Vec<(f64, f64)>, f64) {
    let mut y = 0.0;
    let bands: Vec<(f64, f64)> = layered
        .layers
        .iter()
        .zip(gaps)
        .map(|(layer, known)| {
            let heights = layer.iter().map(|&vertex| layered.vertices[vertex].size.height);
            let (top, bottom) = (y, y + heights.fold(0.0, f64::max));
            y = bottom + known.gap.height;
            (top, bottom)
        })
        .collect();
    let height = bands.last().map_or(0.0, |band| band.1);
    (bands, height)
}

/// Out of a box on its right and back into it.
fn around(edge: &Edge, at: Point, size: Size, spacing: &Spacing) -> Route {
    let (right, far) = (at.0 + size.width, at.0 + size.width + spacing.selves);
    let (upper, lower) = if spacing.whole {
        (at.1, at.1 + size.height - 1.0)
    } else {
        (at.1 + size.height * 0.3, at.1 + size.height * 0.7)
    };
    let label = edge.label.map(|label| (far + label.width / 2.0, (upper + lower) / 2.0));
    Route { points: vec![(right, lower), (far, lower), (far, upper), (right, upper)], label }
}

/// Without points that lie on the line between their neighbours.
fn straightened(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    points.into_iter().for_each(|point| straight_on(&mut kept, point));
    kept
}

/// Goes on to a point; the last one is left out if it lies on the way. No point before it changes.
fn straight_on(kept: &mut Vec<Point>, point: Point) {
    if kept.last() == Some(&point) {
        return;
    }
    if let [.., before, last] = kept[..]
        && (before.0 == last.0 && last.0 == point.0 || before.1 == last.1 && last.1 == point.1)
    {
        kept.pop();
    }
    kept.push(point);
}
