//! Cuts every line where it passes a layer, and gives labels layers of their own.

use std::collections::HashMap;
use std::ops::Range;

use super::{Graph, Kind, Layered, Part, Path, Size, Spacing, Trunk, Vertex};

/// So many cuts are made; what is longer then is drawn straight through. Only a definition made for it
/// comes near.
const CUTS_MAX: usize = 60_000;

/// How much more a line that goes on pulls than one that goes aside.
const ONWARD: u32 = 6;

/// What lines that share their way have in common: the node they lead to, and their kind.
type Look = (usize, bool, bool);

pub(super) fn layers(graph: &Graph, back: &[bool], ranks: &[usize], spacing: &Spacing) -> Layered {
    let rank_count = ranks.iter().max().map_or(0, |rank| rank + 1);
    let oriented = |index: usize| {
        let edge = &graph.edges[index];
        if back[index] { (edge.to, edge.from) } else { (edge.from, edge.to) }
    };
    // A label lies next to the state it belongs to: in the gap below it, above it for a way back.
    let label_gap = |index: usize| {
        let (upper, lower) = oriented(index);
        if back[index] { ranks[lower] - 1 } else { ranks[upper] }
    };
    let mut labelled = vec![false; rank_count];
    for (index, edge) in graph.edges.iter().enumerate() {
        if edge.label.is_some() && edge.from != edge.to {
            labelled[label_gap(index)] = true;
        }
    }
    let mut layer_of_rank = Vec::with_capacity(rank_count);
    let mut layer_count = 0;
    for has_labels in labelled {
        layer_of_rank.push(layer_count);
        layer_count += 1 + usize::from(has_labels);
    }

    let mut layered = Layered {
        vertices: Vec::new(),
        layers: vec![Vec::new(); layer_count],
        above: Vec::new(),
        below: Vec::new(),
        paths: vec![None; graph.edges.len()],
        trunks: Vec::new(),
        of_node: Vec::with_capacity(graph.nodes.len()),
    };
    // A line from a node to itself lies beside it.
    let mut beside = vec![0.0_f64; graph.nodes.len()];
    for edge in graph.edges.iter().filter(|edge| edge.from == edge.to) {
        let width = spacing.selves + edge.label.map_or(0.0, |label| label.width);
        beside[edge.from] = beside[edge.from].max(width);
    }
    for (node, size) in graph.nodes.iter().enumerate() {
        let size = Size { width: size.width + 2.0 * beside[node], height: size.height };
        let vertex = layered.add(Kind::Node(node), layer_of_rank[ranks[node]], size);
        layered.of_node.push(vertex);
    }

    // A column of the terminal.
    let line = Size { width: if spacing.whole { 1.0 } else { 0.0 }, height: 0.0 };
    let mut trunks: HashMap<Look, usize> = HashMap::new();
    let mut joined: HashMap<(usize, usize), (usize, usize)> = HashMap::new();
    for index in by_length(graph, ranks) {
        let (edge, back) = (&graph.edges[index], back[index]);
        let (upper, lower) = oriented(index);
        // The layers in between.
        let mut passed = layer_of_rank[ranks[upper]] + 1..layer_of_rank[ranks[lower]];
        let mut path = Path {
            upper: layered.of_node[upper],
            label: None,
            trunk: None,
            lower: layered.of_node[lower],
            back,
        };
        let label = edge.label.map(|size| (layer_of_rank[label_gap(index)] + 1, size));
        if let Some((layer, size)) = label {
            if back {
                passed.end = layer;
            } else {
                passed.start = layer + 1;
                path.label = Some(layered.add(Kind::Label, layer, size));
            }
        }
        let strength = if edge.aside { 1 } else { ONWARD };
        if !passed.is_empty() {
            let trunk = *trunks.entry((edge.to, edge.aside, back)).or_insert_with(|| {
                layered.trunks.push(Trunk { back, cuts: Vec::new() });
                layered.trunks.len() - 1
            });
            let cuts = passed.len();
            let known = layered.trunks[trunk].cuts.len();
            if layered.vertices.len() + cuts.saturating_sub(known) <= CUTS_MAX + graph.nodes.len() {
                layered.grow(trunk, passed, line, &mut joined, strength);
                path.trunk = Some((trunk, cuts));
            }
        }
        if let Some((layer, size)) = label.filter(|_| back) {
            path.label = Some(layered.add(Kind::Label, layer, size));
        }
        let parts: Vec<Part> = layered.parts(&path).collect();
        for pair in parts.windows(2) {
            let (upper, lower) = (layered.bottom(pair[0]), layered.top(pair[1]));
            // A line that could not be cut is no neighbour.
            if layered.touch(upper, lower) {
                layered.join(&mut joined, upper, lower, strength);
            }
        }
        layered.paths[index] = Some(path);
    }
    layered
}

/// Short ones first; no edge from a node to itself.
fn by_length(graph: &Graph, ranks: &[usize]) -> Vec<usize> {
    let length = |index: usize| {
        let edge = &graph.edges[index];
        ranks[edge.from].abs_diff(ranks[edge.to])
    };
    let mut edges: Vec<usize> = (0..graph.edges.len()).filter(|&index| length(index) > 0).collect();
    if edges.iter().map(|&index| length(index)).sum::<usize>() > CUTS_MAX {
        edges.sort_by_key(|&index| length(index));
    }
    edges
}

impl Layered {
    fn add(&mut self, kind: Kind, layer: usize, size: Size) -> usize {
        let vertex = self.vertices.len();
        self.vertices.push(Vertex { kind, layer, size });
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        self.layers[layer].push(vertex);
        vertex
    }

    /// Has a trunk pass these layers too, which end at the node that it leads to.
    fn grow(
        &mut self,
        trunk: usize,
        passed: Range<usize>,
        line: Size,
        joined: &mut HashMap<(usize, usize), (usize, usize)>,
        strength: u32,
    ) {
        let (known, back) = (self.trunks[trunk].cuts.len(), self.trunks[trunk].back);
        if passed.len() <= known {
            return;
        }
        let layers = match back {
            true => passed.start + known..passed.end,
            false => passed.start..passed.end - known,
        };
        let mut cuts: Vec<usize> = layers.map(|layer| self.add(Kind::Line, layer, line)).collect();
        if !back {
            cuts.reverse();
        }
        self.trunks[trunk].cuts.extend(cuts);
        for place in known.max(1)..passed.len() {
            let (upper, lower) = self.trunks[trunk].between(place);
            self.join(joined, upper, lower, strength);
        }
    }

    fn join(
        &mut self,
        joined: &mut HashMap<(usize, usize), (usize, usize)>,
        upper: usize,
        lower: usize,
        strength: u32,
    ) {
        let (below, above) = (self.below[upper].len(), self.above[lower].len());
        match joined.get(&(upper, lower)) {
            Some(&(in_below, in_above)) => {
                let strength = self.below[upper][in_below].1.max(strength);
                self.below[upper][in_below].1 = strength;
                self.above[lower][in_above].1 = strength;
            }
            None => {
                joined.insert((upper, lower), (below, above));
                self.below[upper].push((lower, strength));
                self.above[lower].push((upper, strength));
            }
        }
    }
}
