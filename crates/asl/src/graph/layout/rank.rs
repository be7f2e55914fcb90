//! Layers by the longest way from the start. What nothing leads to is moved down to what it leads to.

use super::Graph;

/// The layer of each node, from 0.
pub(super) fn ranks(graph: &Graph, back: &[bool]) -> Vec<usize> {
    let count = graph.nodes.len();
    let mut below = vec![Vec::new(); count];
    let mut open = vec![0_usize; count];
    for (edge, &back) in graph.edges.iter().zip(back) {
        if edge.from == edge.to {
            continue;
        }
        let (upper, lower) = if back { (edge.to, edge.from) } else { (edge.from, edge.to) };
        below[upper].push(lower);
        open[lower] += 1;
    }
    let sources: Vec<usize> = (0..count).filter(|&node| open[node] == 0).collect();
    let mut ranks = vec![0_usize; count];
    let mut ready = sources.clone();
    while let Some(node) = ready.pop() {
        for &lower in &below[node] {
            ranks[lower] = ranks[lower].max(ranks[node] + 1);
            open[lower] -= 1;
            if open[lower] == 0 {
                ready.push(lower);
            }
        }
    }
    for &node in sources.iter().filter(|&&node| node != 0) {
        if let Some(first) = below[node].iter().map(|&lower| ranks[lower]).min() {
            ranks[node] = first.saturating_sub(1);
        }
    }
    ranks
}
