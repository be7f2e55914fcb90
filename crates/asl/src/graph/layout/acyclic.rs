//! Which edges lead back: those that close a cycle when the graph is walked from its start, depth first.

use super::Graph;

/// For each edge whether it is drawn the other way round. Never so for an edge from a node to itself.
pub(super) fn back_edges(graph: &Graph) -> Vec<bool> {
    let out = out_edges(graph);
    let mut back = vec![false; graph.edges.len()];
    let mut seen = vec![false; graph.nodes.len()];
    let mut open = vec![false; graph.nodes.len()];
    for root in 0..graph.nodes.len() {
        if seen[root] {
            continue;
        }
        (seen[root], open[root]) = (true, true);
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.last_mut() {
            let Some(&edge) = out[*node].get(*next) else {
                open[*node] = false;
                stack.pop();
                continue;
            };
            *next += 1;
            let (from, to) = (graph.edges[edge].from, graph.edges[edge].to);
            if from != to && open[to] {
                back[edge] = true;
            } else if !seen[to] {
                (seen[to], open[to]) = (true, true);
                stack.push((to, 0));
            }
        }
    }
    back
}

/// The edges that leave each node, in the order given.
fn out_edges(graph: &Graph) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); graph.nodes.len()];
    for (index, edge) in graph.edges.iter().enumerate() {
        out[edge.from].push(index);
    }
    out
}
