//! Where each vertex is from left to right: sweeps down and up, in each of which a layer takes the places
//! that are nearest to its neighbours' in the sense of least squares, in its order and without touching.
//! That is an isotonic regression, which pooling adjacent violators (Ayer and others, 1955) solves at
//! once. Lines are made straight at the end, as far as there is room.

use super::{Kind, Layered, Spacing};

/// The middle of each vertex.
pub(super) fn centres(layered: &Layered, spacing: &Spacing) -> Vec<f64> {
    let mut xs = vec![0.0; layered.vertices.len()];
    let mut offsets = vec![0.0; layered.vertices.len()];
    for layer in &layered.layers {
        let mut at = 0.0;
        for (place, &vertex) in layer.iter().enumerate() {
            if place > 0 {
                at += separation(layered, spacing, layer[place - 1], vertex);
            }
            offsets[vertex] = at;
        }
        layer.iter().for_each(|&vertex| xs[vertex] = offsets[vertex] - at / 2.0);
    }
    let rounds = if layered.vertices.len() > 20_000 { 4 } else { 10 };
    let layers = || 0..layered.layers.len();
    for _ in 0..rounds {
        layers().for_each(|layer| fit(layered, layer, &offsets, &mut xs, Towards::Above));
        layers().rev().for_each(|layer| fit(layered, layer, &offsets, &mut xs, Towards::Below));
    }
    for _ in 0..2 {
        layers().for_each(|layer| fit(layered, layer, &offsets, &mut xs, Towards::Both));
        layers().rev().for_each(|layer| fit(layered, layer, &offsets, &mut xs, Towards::Both));
    }
    straighten(layered, spacing, &mut xs);
    settle(layered, spacing, &mut xs);
    xs
}

/// Which neighbours count.
#[derive(Clone, Copy, PartialEq)]
enum Towards {
    Above,
    Below,
    Both,
}

/// A run of vertices that touch: their common place and weight, and how many they are.
struct Pool {
    at: f64,
    weight: f64,
    count: usize,
}

/// Gives a layer its best places.
fn fit(layered: &Layered, layer: usize, offsets: &[f64], xs: &mut [f64], towards: Towards) {
    let layer = &layered.layers[layer];
    let mut pools: Vec<Pool> = Vec::with_capacity(layer.len());
    for &vertex in layer {
        let (wanted, weight) = wanted(layered, vertex, xs, towards);
        let mut pool = Pool { at: wanted - offsets[vertex], weight, count: 1 };
        while let Some(before) = pools.pop_if(|before| before.at >= pool.at) {
            let weight = before.weight + pool.weight;
            pool = Pool {
                at: (before.at * before.weight + pool.at * pool.weight) / weight,
                weight,
                count: before.count + pool.count,
            };
        }
        pools.push(pool);
    }
    let places = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.at, pool.count));
    for (&vertex, at) in layer.iter().zip(places) {
        xs[vertex] = at + offsets[vertex];
    }
}

/// Where a vertex would be best, and how much that matters.
fn wanted(layered: &Layered, vertex: usize, xs: &[f64], towards: Towards) -> (f64, f64) {
    let (mut sum, mut weight) = (0.0, 0.0);
    let passes = |vertex: usize| layered.vertices[vertex].kind == Kind::Line;
    let onward = |neighbours: &[(usize, u32)]| neighbours.iter().any(|(_, pull)| *pull > 1);
    // A state stands below the one before it, wherever the handler is that catches for both.
    let aside =
        passes(vertex) || !onward(&layered.above[vertex]) && !onward(&layered.below[vertex]);
    let mut pull = |neighbours: &[(usize, u32)]| {
        for &(neighbour, strength) in neighbours.iter().filter(|(_, pull)| aside || *pull > 1) {
            let straight = if passes(vertex) && passes(neighbour) { 8.0 } else { 1.0 };
            let strength = f64::from(strength) * straight;
            sum += xs[neighbour] * strength;
            weight += strength;
        }
    };
    if towards != Towards::Below {
        pull(&layered.above[vertex]);
    }
    if towards != Towards::Above {
        pull(&layered.below[vertex]);
    }
    // What has no neighbours there stays, unless others need its place.
    if weight > 0.0 { (sum / weight, weight) } else { (xs[vertex], 0.01) }
}

/// Brings the vertices of each line that passes several layers below each other, in as few pieces as the
/// room beside them allows.
fn straighten(layered: &Layered, spacing: &Spacing, xs: &mut [f64]) {
    let passes = |vertex: usize| layered.vertices[vertex].kind == Kind::Line;
    let next = |vertex: usize| {
        layered.below[vertex].iter().map(|(below, _)| *below).find(|below| passes(*below))
    };
    let before = |vertex: usize| layered.above[vertex].iter().any(|(above, _)| passes(*above));
    let mut beside = vec![(None, None); layered.vertices.len()];
    for layer in &layered.layers {
        for pair in layer.windows(2) {
            beside[pair[0]].1 = Some(pair[1]);
            beside[pair[1]].0 = Some(pair[0]);
        }
    }
    let mut lines: Vec<Vec<usize>> = (0..layered.vertices.len())
        .filter(|&vertex| passes(vertex) && !before(vertex))
        .map(|first| std::iter::successors(Some(first), |&vertex| next(vertex)).collect())
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
    for _ in 0..2 {
        for line in &lines {
            let mut from = 0;
            let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
            for (index, &vertex) in line.iter().enumerate() {
                let (left, right) = beside[vertex];
                let low = left.map_or(f64::NEG_INFINITY, |left| {
                    xs[left] + separation(layered, spacing, left, vertex)
                });
                let high = right.map_or(f64::INFINITY, |right| {
                    xs[right] - separation(layered, spacing, vertex, right)
                });
                if least.max(low) > most.min(high) {
                    level(&line[from..index], least, most, xs);
                    (from, least, most) = (index, low, high);
                } else {
                    (least, most) = (least.max(low), most.min(high));
                }
            }
            level(&line[from..], least, most, xs);
        }
    }
}

/// Gives a piece of a line one place, the middle of those it had if there is room.
fn level(piece: &[usize], least: f64, most: f64, xs: &mut [f64]) {
    let mean = piece.iter().map(|&vertex| xs[vertex]).sum::<f64>() / piece.len().max(1) as f64;
    let at = mean.min(most).max(least);
    piece.iter().for_each(|&vertex| xs[vertex] = at);
}

/// Round places, and nothing closer than it may be.
fn settle(layered: &Layered, spacing: &Spacing, xs: &mut [f64]) {
    let round = |x: f64| if spacing.whole { x.round() } else { (x * 2.0).round() / 2.0 };
    for layer in &layered.layers {
        for (place, &vertex) in layer.iter().enumerate() {
            xs[vertex] = round(xs[vertex]);
            if place > 0 {
                let left = layer[place - 1];
                let least = xs[left] + separation(layered, spacing, left, vertex);
                let least = if spacing.whole { least.ceil() } else { least };
                xs[vertex] = xs[vertex].max(least);
            }
        }
    }
}

/// How far apart the middles of two neighbours must be.
fn separation(layered: &Layered, spacing: &Spacing, left: usize, right: usize) -> f64 {
    let (left, right) = (&layered.vertices[left], &layered.vertices[right]);
    let boxes = matches!((left.kind, right.kind), (Kind::Node(_), Kind::Node(_)));
    let between = if boxes { spacing.nodes } else { spacing.lines };
    (left.size.width + right.size.width) / 2.0 + between
}
