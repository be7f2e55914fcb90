//! The order within layers: sweeps by the barycentre of neighbours, the best order kept, then swaps of
//! neighbours as long as they help.

use super::Layered;

/// Sweeps without a better order before we stop.
const PATIENCE: usize = 8;
/// Swaps are tried where there are at most so many vertices.
const SWAPS_MAX: usize = 4_000;

pub(super) fn order(layered: &mut Layered) {
    let mut best: Option<(u64, Vec<Vec<usize>>)> = None;
    // What leads to the left first, then what leads to the right: each finds orders that the other misses.
    for mirrored in [false, true] {
        let found = sweep_from(layered, mirrored);
        if best.as_ref().is_none_or(|(fewest, _)| found.0 < *fewest) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|(fewest, _)| *fewest == 0) {
            break;
        }
    }
    if let Some((_, layers)) = best {
        layered.layers = layers;
    }
}

/// The best order that sweeps and swaps find from a start, and its crossings.
fn sweep_from(layered: &mut Layered, mirrored: bool) -> (u64, Vec<Vec<usize>>) {
    start(layered, mirrored);
    let mut places = vec![0; layered.vertices.len()];
    number(&layered.layers, &mut places);
    let mut best = layered.layers.clone();
    let mut fewest = crossings(layered, &places);
    let sweeps = if layered.vertices.len() > 20_000 { 4 } else { 24 };
    let mut without = 0;
    for sweep in 0..sweeps {
        if fewest == 0 || without == PATIENCE {
            break;
        }
        // Equal barycentres keep their order in two sweeps and are turned in the next two.
        swept(layered, &mut places, sweep % 2 == 0, sweep % 4 >= 2);
        let count = crossings(layered, &places);
        if count < fewest {
            (fewest, without) = (count, 0);
            best.clone_from(&layered.layers);
        } else {
            without += 1;
        }
    }
    layered.layers = best;
    number(&layered.layers, &mut places);
    if fewest > 0 && layered.vertices.len() <= SWAPS_MAX {
        swap(layered, &mut places);
        fewest = crossings(layered, &places);
    }
    (fewest, layered.layers.clone())
}

/// The order in which a walk from the start meets the vertices: the document's order as far as possible.
fn start(layered: &mut Layered, mirrored: bool) {
    let mut seen = vec![false; layered.vertices.len()];
    let mut layers = vec![Vec::new(); layered.layers.len()];
    let mut roots: Vec<usize> = (0..layered.vertices.len()).collect();
    roots.sort_by_key(|&vertex| layered.vertices[vertex].layer);
    for root in roots {
        let mut stack = vec![root];
        while let Some(vertex) = stack.pop() {
            if std::mem::replace(&mut seen[vertex], true) {
                continue;
            }
            layers[layered.vertices[vertex].layer].push(vertex);
            let below = layered.below[vertex].iter().map(|(lower, _)| *lower);
            if mirrored {
                stack.extend(below);
            } else {
                stack.extend(below.rev());
            }
        }
    }
    layered.layers = layers;
}

fn number(layers: &[Vec<usize>], places: &mut [usize]) {
    for layer in layers {
        for (place, &vertex) in layer.iter().enumerate() {
            places[vertex] = place;
        }
    }
}

fn swept(layered: &mut Layered, places: &mut [usize], down: bool, turned: bool) {
    let count = layered.layers.len();
    for step in 1..count {
        let index = if down { step } else { count - 1 - step };
        let neighbours = if down { &layered.above } else { &layered.below };
        let layer = &mut layered.layers[index];
        // What has no neighbours stays where it is, the others share the remaining places.
        let mut sorted: Vec<(f64, usize)> = layer
            .iter()
            .filter(|&&vertex| !neighbours[vertex].is_empty())
            .map(|&vertex| (barycentre(&neighbours[vertex], places), vertex))
            .collect();
        if turned {
            sorted.reverse();
        }
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut next = sorted.into_iter();
        for (place, slot) in layer.iter_mut().enumerate() {
            if !neighbours[*slot].is_empty()
                && let Some((_, vertex)) = next.next()
            {
                *slot = vertex;
            }
            places[*slot] = place;
        }
    }
}

fn barycentre(neighbours: &[(usize, u32)], places: &[usize]) -> f64 {
    let weight: u32 = neighbours.iter().map(|(_, weight)| weight).sum();
    let sum: f64 =
        neighbours.iter().map(|&(vertex, weight)| places[vertex] as f64 * f64::from(weight)).sum();
    sum / f64::from(weight)
}

/// Crossings between all layers.
fn crossings(layered: &Layered, places: &[usize]) -> u64 {
    let mut count = 0;
    let mut ends = Vec::new();
    for pair in layered.layers.windows(2) {
        ends.clear();
        for &upper in &pair[0] {
            let from = ends.len();
            ends.extend(
                layered.below[upper].iter().map(|&(lower, weight)| (places[lower], weight)),
            );
            ends[from..].sort_unstable();
        }
        count += inversions(&ends, pair[1].len());
    }
    count
}

/// How often a greater place comes before a smaller one, by weight: with a tree of sums.
fn inversions(ends: &[(usize, u32)], width: usize) -> u64 {
    let mut tree = vec![0_u64; width + 1];
    let mut total = 0;
    let mut count = 0;
    for &(place, weight) in ends {
        let mut up_to = 0;
        let mut at = place + 1;
        while at > 0 {
            up_to += tree[at];
            at &= at - 1;
        }
        count += (total - up_to) * u64::from(weight);
        total += u64::from(weight);
        let mut at = place + 1;
        while at <= width {
            tree[at] += u64::from(weight);
            at += at & at.wrapping_neg();
        }
    }
    count
}

/// Swaps neighbours in a layer while that takes crossings away.
fn swap(layered: &mut Layered, places: &mut [usize]) {
    for _ in 0..8 {
        let mut better = false;
        for index in 0..layered.layers.len() {
            for place in 1..layered.layers[index].len() {
                let (left, right) =
                    (layered.layers[index][place - 1], layered.layers[index][place]);
                let crossed = |one: usize, other: usize| {
                    between(&layered.above[one], &layered.above[other], places)
                        + between(&layered.below[one], &layered.below[other], places)
                };
                if crossed(right, left) < crossed(left, right) {
                    layered.layers[index].swap(place - 1, place);
                    places.swap(left, right);
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
    }
}

/// Crossings of the lines of two neighbours, the first one on the left.
fn between(left: &[(usize, u32)], right: &[(usize, u32)], places: &[usize]) -> u64 {
    let mut count = 0;
    for &(one, weight) in left {
        for &(other, times) in right {
            if places[one] > places[other] {
                count += u64::from(weight) * u64::from(times);
            }
        }
    }
    count
}
