//! A layered drawing of a directed graph, in the manner of Sugiyama, Tagawa and Toda (1981): cycles are
//! broken, nodes get layers, layers an order with few crossings, nodes coordinates.
//!
//! The parts are those of Gansner, Koutsofios, North and Vo, *A technique for drawing directed graphs*
//! (1993; sweeps and transposition), and of Barth, Jünger and Mutzel, *Simple and efficient bilayer cross
//! counting* (2002); coordinates are found by least squares. It is our own because the libraries at hand
//! give no bends, so that lines run through boxes, or recurse along the graph, which a definition of ten
//! thousand states makes a crash.
//!
//! Two things are peculiar to state machines. A label lies on its line as a node of its own, in a layer
//! between two layers of states. And long lines to the same state (a handler that catches for a hundred
//! states, the end) share one line.

mod acyclic;
mod chains;
mod order;
mod position;
mod rank;
mod route;

/// A graph of boxes.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// The first node is where everything starts.
    pub nodes: Vec<Size>,
    pub edges: Vec<Edge>,
}

/// Width and height.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub width: f64,
    pub height: f64,
}

/// A line from one node to another, or to itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    /// The size of its label.
    pub label: Option<Size>,
    /// A side line (Catch): it leaves the box beside the others, and shares its way only with its like.
    pub aside: bool,
}

/// Distances.
pub(super) struct Spacing {
    /// Between boxes of a layer.
    pub nodes: f64,
    /// Between a line and what is beside it.
    pub lines: f64,
    /// Between the ends of lines at a box.
    pub ports: f64,
    /// How far a line from a box to itself leaves it.
    pub selves: f64,
    /// Coordinates are whole numbers (cells of a terminal); widths must be odd.
    pub whole: bool,
    /// The way through the gap between two layers; whether one of them is of labels.
    pub gap: fn(&[Crossing], bool) -> Gap,
}

/// A line's way through a gap: where it comes in above and goes out below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossing {
    pub above: f64,
    pub below: f64,
}

/// How high a gap is, and at which height each crossing runs across; nothing: it runs straight.
pub(super) struct Gap {
    pub height: f64,
    pub tracks: Vec<Option<f64>>,
}

/// Where everything is.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub size: Size,
    /// The left upper corner of each node.
    pub nodes: Vec<Point>,
    /// The way of each edge.
    pub routes: Vec<Route>,
}

/// x and y.
pub(super) type Point = (f64, f64);

/// The way of an edge, from its node's border to the other's.
#[derive(Clone, Debug, Default)]
pub(super) struct Route {
    pub points: Vec<Point>,
    /// The middle of its label.
    pub label: Option<Point>,
}

/// Lays a graph out.
pub(super) fn place(graph: &Graph, spacing: &Spacing) -> Placed {
    if graph.nodes.is_empty() {
        return Placed::default();
    }
    let back = acyclic::back_edges(graph);
    let ranks = rank::ranks(graph, &back);
    let mut layered = chains::layers(graph, &back, &ranks, spacing);
    order::order(&mut layered);
    let centres = position::centres(&layered, spacing);
    route::routes(graph, &back, &layered, centres, spacing)
}

/// Something in a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Node(usize),
    /// The label of an edge.
    Label,
    /// A line passing by.
    Line,
}

#[derive(Clone, Copy, Debug)]
struct Vertex {
    kind: Kind,
    layer: usize,
    size: Size,
}

/// The graph with every line cut where it passes a layer.
struct Layered {
    vertices: Vec<Vertex>,
    /// From left to right.
    layers: Vec<Vec<usize>>,
    /// Neighbours in the layer above, and how strongly they pull.
    above: Vec<Vec<(usize, u32)>>,
    /// Neighbours in the layer below, and how strongly they pull.
    below: Vec<Vec<(usize, u32)>>,
    /// The way of each edge; none for an edge from a node to itself.
    paths: Vec<Option<Path>>,
    trunks: Vec<Trunk>,
    /// The vertex of each node.
    of_node: Vec<usize>,
}

/// The way that lines to the same node share, as far as any of them goes. Ten thousand states may have one
/// handler: each line knows its part of the way, and nobody walks it for each line.
#[derive(Clone, Debug, Default)]
struct Trunk {
    /// The node they lead to lies above.
    back: bool,
    /// The cuts, from that node outwards.
    cuts: Vec<usize>,
}

/// The vertices of an edge from top to bottom.
#[derive(Clone, Copy, Debug)]
struct Path {
    upper: usize,
    /// Between the node that the edge leaves and its trunk.
    label: Option<usize>,
    /// Which trunk, and how many of its cuts.
    trunk: Option<(usize, usize)>,
    lower: usize,
    /// It leads up.
    back: bool,
}

/// A part of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Vertex(usize),
    Trunk { trunk: usize, cuts: usize },
}

impl Trunk {
    /// A cut and the one before it, the upper one first.
    fn between(&self, place: usize) -> (usize, usize) {
        let (inner, outer) = (self.cuts[place - 1], self.cuts[place]);
        if self.back { (inner, outer) } else { (outer, inner) }
    }
}

impl Layered {
    /// A path's parts from top to bottom.
    fn parts(&self, path: &Path) -> impl Iterator<Item = Part> + use<> {
        let label = path.label.map(Part::Vertex);
        let trunk = path.trunk.map(|(trunk, cuts)| Part::Trunk { trunk, cuts });
        let between = if path.back { [trunk, label] } else { [label, trunk] };
        std::iter::once(Part::Vertex(path.upper))
            .chain(between.into_iter().flatten())
            .chain(std::iter::once(Part::Vertex(path.lower)))
    }

    /// The uppermost vertex of a part.
    fn top(&self, part: Part) -> usize {
        match part {
            Part::Vertex(vertex) => vertex,
            Part::Trunk { trunk, cuts } => {
                let trunk = &self.trunks[trunk];
                trunk.cuts[if trunk.back { 0 } else { cuts - 1 }]
            }
        }
    }

    /// The lowest vertex of a part.
    fn bottom(&self, part: Part) -> usize {
        match part {
            Part::Vertex(vertex) => vertex,
            Part::Trunk { trunk, cuts } => {
                let trunk = &self.trunks[trunk];
                trunk.cuts[if trunk.back { cuts - 1 } else { 0 }]
            }
        }
    }

    /// Whether one vertex lies in the layer right above the other's.
    fn touch(&self, upper: usize, lower: usize) -> bool {
        self.vertices[lower].layer == self.vertices[upper].layer + 1
    }
}
