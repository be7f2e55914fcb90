//! What an expression reads from outside: variables, members of `$states`, and what AWS does not allow.

use jsonata::ast::{AstNode, BinaryOp, PathStep, Stage};

/// What an expression reads from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Variables that the expression does not bind itself, without `$`, each once, in the order read.
    /// `states` is not among them.
    pub variables: Vec<String>,
    /// What is read of `$states`.
    pub states: Part,
    /// Functions that AWS adds, changes or takes away, as far as they are named.
    pub functions: Vec<String>,
    /// A symbol of a newer JSONata than AWS's.
    pub newer: Option<&'static str>,
    /// AWS's texts for what it does not allow: bare names at the top level, `$$`.
    pub unsupported: Vec<String>,
}

/// What is read of a value: all of it, or members by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// All of it.
    pub whole: bool,
    /// Members, each once, in the order read.
    pub members: Vec<(String, Part)>,
}

impl Part {
    /// All of a value.
    pub const WHOLE: Part = Part { whole: true, members: Vec::new() };

    fn member(&mut self, name: &str) -> &mut Part {
        let place = self.members.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            self.members.push((name.to_owned(), Part::default()));
            self.members.len() - 1
        });
        &mut self.members[place].1
    }
}

impl References {
    pub(super) fn of(program: &AstNode) -> References {
        let mut walk = Walk { found: References::default(), bound: Vec::new(), parents: false };
        walk.node(program, true);
        if walk.parents {
            // `%` leads from a value back to what is around it.
            walk.found.states.members.iter_mut().for_each(|(_, part)| part.whole = true);
        }
        walk.found
    }
}

struct Walk {
    found: References,
    /// Names bound by the expression itself, innermost last.
    bound: Vec<String>,
    /// There is a `%`.
    parents: bool,
}

impl Walk {
    /// `top`: whether `node` is evaluated with no context item, so that a bare name reads nothing.
    fn node(&mut self, node: &AstNode, top: bool) {
        jsonata::value::with_stack(|| self.visit(node, top));
    }

    fn visit(&mut self, node: &AstNode, top: bool) {
        match node {
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. }
            | AstNode::Wildcard
            | AstNode::Descendant => {}
            AstNode::Parent(_) => self.parents = true,
            AstNode::Name(name) => {
                if top {
                    self.unsupported(format!(
                        "Reference to '{name}' at the top level is not supported."
                    ));
                }
            }
            AstNode::Variable(name) => {
                if name.is_empty() {
                    if top {
                        self.unsupported(
                            "Reference to '$' at the top level is not supported.".to_owned(),
                        );
                    }
                } else {
                    self.variable(name);
                }
            }
            AstNode::ParentVariable(_) => {
                self.unsupported("Reference to '$$' is not supported.".to_owned());
            }
            AstNode::Path { steps } => self.path(steps, top),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                self.node(rhs, top);
                if let AstNode::Variable(name) = &**lhs {
                    self.bound.push(name.clone());
                }
            }
            AstNode::Binary { op, lhs, rhs } => {
                match op {
                    BinaryOp::Coalesce => self.found.newer = Some("?"),
                    BinaryOp::Default => self.found.newer = Some(":"),
                    _ => {}
                }
                self.node(lhs, top);
                self.node(rhs, top);
            }
            AstNode::Unary { operand, .. } => self.node(operand, top),
            AstNode::Function { name, args, .. } => {
                self.variable(name);
                self.nodes(args, top);
            }
            AstNode::Call { procedure, args } => {
                self.node(procedure, top);
                self.nodes(args, top);
            }
            AstNode::Lambda { params, body, .. } => {
                let length = self.bound.len();
                self.bound.extend(params.iter().cloned());
                self.node(body, top);
                self.bound.truncate(length);
            }
            AstNode::Array(items) | AstNode::ArrayGroup(items) => self.nodes(items, top),
            AstNode::Object(pairs) => self.pairs(pairs, top),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, top);
                self.pairs(pattern, false);
            }
            AstNode::Block(items) => {
                let length = self.bound.len();
                self.nodes(items, top);
                self.bound.truncate(length);
            }
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.node(condition, top);
                self.node(then_branch, top);
                if let Some(branch) = else_branch {
                    self.node(branch, top);
                }
            }
            AstNode::FunctionApplication(inner) => self.node(inner, false),
            AstNode::Sort { input, terms } => {
                self.node(input, top);
                for (term, _) in terms {
                    self.node(term, false);
                }
            }
            AstNode::Transform { location, update, delete } => {
                self.node(location, false);
                self.node(update, false);
                if let Some(delete) = delete {
                    self.node(delete, false);
                }
            }
        }
    }

    fn nodes(&mut self, nodes: &[AstNode], top: bool) {
        for node in nodes {
            self.node(node, top);
        }
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], top: bool) {
        for (key, value) in pairs {
            self.node(key, top);
            self.node(value, top);
        }
    }

    /// Only the first step is evaluated with what is outside of the path.
    fn path(&mut self, steps: &[PathStep], top: bool) {
        let length = self.bound.len();
        let of_states = matches!(steps, [first, second, ..]
            if first.stages.is_empty()
                && matches!(&first.node, AstNode::Variable(name) if name == "states")
                && matches!(&second.node, AstNode::Name(_))
                && !self.bound.iter().any(|bound| bound == "states"));
        if of_states {
            // By name after name, until something is done with what was found.
            let mut part = &mut self.found.states;
            for step in &steps[1..] {
                let AstNode::Name(name) = &step.node else { break };
                part = part.member(name);
                if !is_plain(step) {
                    break;
                }
            }
            part.whole = true;
        }
        for (place, step) in steps.iter().enumerate() {
            if place > 0 || !of_states {
                self.node(&step.node, top && place == 0);
            }
            self.bound.extend(step.focus.iter().chain(&step.index_var).cloned());
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.node(filter, false),
                    Stage::Index(name) => self.bound.push(name.clone()),
                    Stage::KeepArray => {}
                }
            }
        }
        self.bound.truncate(length);
    }

    fn variable(&mut self, name: &str) {
        if self.bound.iter().any(|bound| bound == name) {
            return;
        }
        if name == "states" {
            self.found.states.whole = true;
            return;
        }
        if is_builtin(name) {
            self.function(name);
            return;
        }
        if !self.found.variables.iter().any(|found| found == name) {
            self.found.variables.push(name.to_owned());
        }
    }

    fn function(&mut self, name: &str) {
        if OURS.contains(&name) && !self.found.functions.iter().any(|found| found == name) {
            self.found.functions.push(name.to_owned());
        }
    }

    fn unsupported(&mut self, message: String) {
        if !self.found.unsupported.contains(&message) {
            self.found.unsupported.push(message);
        }
    }
}

/// Nothing is done at the step but to go on.
fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty() && step.focus.is_none() && step.index_var.is_none()
}

/// Functions that are AWS's own, or otherwise than in plain JSONata.
const OURS: [&str; 7] = ["parse", "partition", "range", "hash", "random", "uuid", "eval"];

/// Functions of JSONata 2.0.6 and those that AWS adds, without `$`.
fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

const BUILTINS: [&str; 69] = [
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "clone",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "eval",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "hash",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parse",
    "parseInteger",
    "partition",
    "power",
    "random",
    "range",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "uuid",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonata::Jsonata;

    /// `input(order(id *) note *)`; `*` is all of it.
    fn shown(part: &Part) -> String {
        let members = part.members.iter().map(|(name, part)| format!("{name}{}", shown(part)));
        let members: Vec<String> = members.collect();
        let whole = if part.whole { " *" } else { "" };
        if members.is_empty() {
            whole.to_owned()
        } else {
            format!("({}){whole}", members.join(" "))
        }
    }

    #[test]
    fn what_is_read_is_known_as_far_as_names_lead() {
        for (expression, reads) in [
            ("1", ""),
            ("$states.input.order.id", "(input(order(id *)))"),
            ("$states.input.a.b + $states.input.a.c", "(input(a(b * c *)))"),
            ("$states.input.a.b & $string($states.input.a)", "(input(a(b *) *))"),
            ("$states.input.lines[price > 1].sku", "(input(lines *))"),
            ("$states.input.lines#$i.sku", "(input(lines *))"),
            ("$states.input.(a.b)", "(input *)"),
            ("$states.input.a.%.b", "(input(a *) *)"),
            ("$states.input.*.b", "(input *)"),
            ("$states.result", "(result *)"),
            ("$states", " *"),
            ("$states[0].input", " *"),
            ("($states := {}; $states.input.a)", ""),
        ] {
            let compiled = Jsonata::compile(expression).unwrap();
            assert_eq!(shown(&compiled.references().states), reads, "{expression}");
        }
    }
}
