//! From middles to corners and lines: heights of layers and gaps, ports at the boxes, ways between them.

use std::collections::HashMap;

use super::{Crossing, Edge, Gap, Graph, Kind, Layered, Placed, Point, Route, Size, Spacing};

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
    let gaps = gaps(graph, layered, &centres, &ports, spacing);
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
    let routes = (0..graph.edges.len())
        .map(|index| {
            let edge = &graph.edges[index];
            if edge.from == edge.to {
                return around(edge, nodes[edge.from], graph.nodes[edge.from], spacing);
            }
            let path = &layered.paths[index];
            let mut points = Vec::with_capacity(2 * path.len());
            let mut label = None;
            for (step, &vertex) in path.iter().enumerate() {
                let (top, bottom) = bands[layered.vertices[vertex].layer];
                let x = match step {
                    0 => ports[index].0,
                    _ if step + 1 == path.len() => ports[index].1,
                    _ => centres[vertex],
                };
                match layered.vertices[vertex].kind {
                    Kind::Node(node) if step == 0 => {
                        points.push((x, nodes[node].1 + graph.nodes[node].height));
                        points.push((x, bottom));
                    }
                    Kind::Node(node) => {
                        points.push((x, top));
                        points.push((x, nodes[node].1));
                    }
                    Kind::Label => {
                        label = Some((x, (top + bottom) / 2.0));
                        points.extend([(x, top), (x, bottom)]);
                    }
                    Kind::Line => points.extend([(x, top), (x, bottom)]),
                }
                if let Some(&next) = path.get(step + 1)
                    && layered.vertices[next].layer == layered.vertices[vertex].layer + 1
                {
                    let crossing = crossing(index, path, step, &centres, &ports);
                    let gap = &gaps[layered.vertices[vertex].layer];
                    if let Some(track) = gap.track(crossing) {
                        points.push((crossing.above, bottom + track));
                        points.push((crossing.below, bottom + track));
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
            let path = &layered.paths[index];
            centres[if under { path[1] } else { path[path.len() - 2] }]
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
    path: &[usize],
    step: usize,
    centres: &[f64],
    ports: &[Ports],
) -> Crossing {
    let above = if step == 0 { ports[index].0 } else { centres[path[step]] };
    let below = if step + 2 == path.len() { ports[index].1 } else { centres[path[step + 1]] };
    Crossing { above, below }
}

/// A gap with the crossings it was asked about.
struct Known {
    gap: Gap,
    tracks: HashMap<(u64, u64), Option<f64>>,
}

impl Known {
    fn track(&self, crossing: Crossing) -> Option<f64> {
        self.tracks.get(&key(crossing)).copied().flatten()
    }
}

fn key(crossing: Crossing) -> (u64, u64) {
    (crossing.above.to_bits(), crossing.below.to_bits())
}

/// The gap below each layer.
fn gaps(
    graph: &Graph,
    layered: &Layered,
    centres: &[f64],
    ports: &[Ports],
    spacing: &Spacing,
) -> Vec<Known> {
    let mut crossings: Vec<Vec<Crossing>> = vec![Vec::new(); layered.layers.len()];
    let mut known: Vec<HashMap<(u64, u64), Option<f64>>> =
        vec![HashMap::new(); layered.layers.len()];
    for index in 0..graph.edges.len() {
        let path = &layered.paths[index];
        for step in 0..path.len().saturating_sub(1) {
            let layer = layered.vertices[path[step]].layer;
            if layered.vertices[path[step + 1]].layer != layer + 1 {
                continue;
            }
            let crossing = crossing(index, path, step, centres, ports);
            if known[layer].insert(key(crossing), None).is_none() {
                crossings[layer].push(crossing);
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
    for point in points {
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., before, last] = kept[..]
            && (before.0 == last.0 && last.0 == point.0 || before.1 == last.1 && last.1 == point.1)
        {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}
