//! Payload templates: JSON whose leaves may be expressions.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{EvaluationError, Jsonata, Path, SPENT, Scope};
use crate::intrinsics::Call;
use crate::jsonata::Session;

/// A payload template: JSON whose leaves may be expressions of one query language.
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Template(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    source: Value,
    node: Node,
}

/// Why a text in a template is no expression, and where it stands in the template: `/a/b[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// Names of members and places of elements on the way, as in a location.
    pub place: String,
    /// The member's own name, for JSONPath's `x.$`.
    pub key: String,
    pub kind: TemplateErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplateErrorKind {
    /// The value of an `x.$` is no path and no call.
    JsonPath,
    /// `{%` without `%}`.
    Unclosed,
    /// The expression is refused.
    Jsonata(crate::jsonata::Refused),
}

#[derive(Clone, Debug)]
enum Node {
    Constant(Value),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    /// The field's name ends in `.$`.
    Path {
        field: String,
        path: Path,
    },
    /// Where it stands: calls in different places throw different dice.
    Call {
        place: String,
        call: Call,
    },
    Jsonata(Jsonata),
}

impl Template {
    /// Compiles a JSONPath payload template: members whose names end in `.$` are paths or intrinsic calls.
    pub(crate) fn jsonpath(source: &Value, errors: &mut Vec<TemplateError>) -> Template {
        let node = jsonpath_node(source, &mut String::new(), errors);
        Template(Arc::new(Compiled { source: source.clone(), node }))
    }

    /// Compiles a JSONata template: texts in `{% %}` are expressions.
    pub(crate) fn jsonata(source: &Value, errors: &mut Vec<TemplateError>) -> Template {
        let node = jsonata_node(source, &mut String::new(), errors);
        Template(Arc::new(Compiled { source: source.clone(), node }))
    }

    /// Compiles the value of a field that is a path or an intrinsic call by itself (`ErrorPath`).
    pub(crate) fn path_or_call(text: &str, field: &str) -> Option<Template> {
        let node = if text.starts_with('$') {
            Node::Path { field: field.to_owned(), path: Path::parse(text).ok()? }
        } else {
            Node::Call { place: field.to_owned(), call: Call::parse(text).ok()? }
        };
        Some(Template(Arc::new(Compiled { source: Value::from(text), node })))
    }

    /// As written.
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// The template with its expressions replaced by what they give. `field` names it in errors:
    /// `Parameters`, `Output`, `Choices[0]/Assign`.
    ///
    /// # Errors
    ///
    /// The first expression that fails.
    pub fn evaluate(&self, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
        self.0.node.evaluate(&Session::new(scope), &mut field.to_owned())
    }

    /// Every path and expression, in the order written.
    pub(crate) fn references<'t>(
        &'t self,
        paths: &mut Vec<&'t Path>,
        expressions: &mut Vec<&'t Jsonata>,
    ) {
        self.0.node.references(paths, expressions);
    }
}

impl Node {
    /// `place` is where in its state the node stands; it is left as it was found.
    fn evaluate(&self, session: &Session, place: &mut String) -> Result<Value, EvaluationError> {
        match self {
            Node::Constant(value) => Ok(value.clone()),
            Node::Path { field, path } => kept(session, path.evaluate(session.scope, field), place),
            Node::Call { place: within, call } => {
                let made = call.evaluate(session.scope, &format!("{place}{within}"));
                kept(session, made, place)
            }
            Node::Jsonata(expression) => {
                kept(session, expression.evaluate_in(session, place), place)
            }
            Node::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                let length = place.len();
                for (name, member) in members {
                    place.push('/');
                    place.push_str(name);
                    object.insert(name.clone(), member.evaluate(session, place)?);
                    place.truncate(length);
                }
                Ok(Value::Object(object))
            }
            Node::Array(items) => {
                let mut array = Vec::with_capacity(items.len());
                let length = place.len();
                for (index, item) in items.iter().enumerate() {
                    place.push_str(&format!("[{index}]"));
                    array.push(item.evaluate(session, place)?);
                    place.truncate(length);
                }
                Ok(Value::Array(array))
            }
        }
    }

    fn references<'t>(&'t self, paths: &mut Vec<&'t Path>, expressions: &mut Vec<&'t Jsonata>) {
        match self {
            Node::Constant(_) => {}
            Node::Path { path, .. } => paths.push(path),
            Node::Call { call, .. } => call.paths(paths),
            Node::Jsonata(expression) => expressions.push(expression),
            Node::Object(members) => {
                for (_, member) in members {
                    member.references(paths, expressions);
                }
            }
            Node::Array(items) => {
                for item in items {
                    item.references(paths, expressions);
                }
            }
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Node::Constant(_))
    }
}

/// What one expression of a template has made, if there is room for it beside what the others have.
fn kept(
    session: &Session,
    made: Result<Value, EvaluationError>,
    place: &str,
) -> Result<Value, EvaluationError> {
    let made = made?;
    match session.scope.budget.hold(&made) {
        true => Ok(made),
        false => {
            Err(EvaluationError::runtime(format!("The field '{place}' is too large: {SPENT}")))
        }
    }
}

fn jsonpath_node(value: &Value, place: &mut String, errors: &mut Vec<TemplateError>) -> Node {
    container(value, place, errors, jsonpath_node, |name, member, place, errors| {
        let plain = name.strip_suffix(".$")?;
        let node = member.as_str().and_then(|text| {
            if text.starts_with('$') {
                let path = Path::parse(text).ok()?;
                Some(Node::Path { field: name.to_owned(), path })
            } else {
                let call = Call::parse(text).ok()?;
                Some(Node::Call { place: place.to_owned(), call })
            }
        });
        let node = node.unwrap_or_else(|| {
            let place = place[..place.len() - name.len() - 1].to_owned();
            errors.push(TemplateError {
                place,
                key: name.to_owned(),
                kind: TemplateErrorKind::JsonPath,
            });
            Node::Constant(Value::Null)
        });
        Some((plain.to_owned(), node))
    })
}

fn jsonata_node(value: &Value, place: &mut String, errors: &mut Vec<TemplateError>) -> Node {
    if let Value::String(text) = value
        && let Some(rest) = text.strip_prefix("{%")
    {
        let error = |kind| TemplateError { place: place.clone(), key: String::new(), kind };
        match rest.strip_suffix("%}") {
            None => errors.push(error(TemplateErrorKind::Unclosed)),
            Some(source) => match Jsonata::compile(source.trim()) {
                Ok(expression) => return Node::Jsonata(expression),
                Err(refused) => errors.push(error(TemplateErrorKind::Jsonata(refused))),
            },
        }
        return Node::Constant(Value::Null);
    }
    container(value, place, errors, jsonata_node, |_, _, _, _| None)
}

/// Objects and arrays member by member; whatever holds no expression stays one constant.
fn container(
    value: &Value,
    place: &mut String,
    errors: &mut Vec<TemplateError>,
    inner: fn(&Value, &mut String, &mut Vec<TemplateError>) -> Node,
    special: impl Fn(&str, &Value, &str, &mut Vec<TemplateError>) -> Option<(String, Node)>,
) -> Node {
    let length = place.len();
    match value {
        Value::Object(members) => {
            let mut constant = true;
            let mut nodes = Vec::with_capacity(members.len());
            for (name, member) in members {
                place.push('/');
                place.push_str(name);
                let node = match special(name, member, place, errors) {
                    Some(node) => {
                        constant = false;
                        node
                    }
                    None => (name.clone(), inner(member, place, errors)),
                };
                constant &= node.1.is_constant();
                nodes.push(node);
                place.truncate(length);
            }
            if constant { Node::Constant(value.clone()) } else { Node::Object(nodes) }
        }
        Value::Array(items) => {
            let mut nodes = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                place.push_str(&format!("[{index}]"));
                nodes.push(inner(item, place, errors));
                place.truncate(length);
            }
            if nodes.iter().all(Node::is_constant) {
                Node::Constant(value.clone())
            } else {
                Node::Array(nodes)
            }
        }
        other => Node::Constant(other.clone()),
    }
}
