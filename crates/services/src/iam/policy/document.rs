//! Policy documents: read once, every fault told with its place.

use std::collections::HashSet;
use std::fmt;

use super::Keys;
use super::condition::{Condition, Operator};
use super::json::{Node, Position, Shape};
use super::pattern::{Case, Pattern};
use super::principal::{Grant, Name, Principal, Principals};

/// A policy document, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its statements, in their order.
    pub statements: Vec<Statement>,
}

/// What a document is for, which decides what it must and must not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a principal may do: no `Principal`, always a `Resource`.
    Identity,
    /// Who may do what with a resource.
    Resource,
    /// Who may assume a role: no `Resource`, only actions of STS.
    Trust,
}

/// Why a document is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// As AWS says it.
    pub message: String,
    /// What exactly is wrong there.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { position, message, detail } = self;
        write!(formatter, "line {}, column {}: {message}", position.line, position.column)?;
        if detail.is_empty() { Ok(()) } else { write!(formatter, " ({detail})") }
    }
}

/// What a statement does with what it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Grants it.
    Allow,
    /// Refuses it, whatever else grants it.
    Deny,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Allow or Deny.
    pub effect: Effect,
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    principals: Option<Principals>,
    actions: Listed,
    resources: Option<Listed>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    negated: bool,
    patterns: Vec<Pattern>,
}

impl Listed {
    fn speaks_of(&self, text: &str, keys: &Keys, case: Case) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text, keys, case)) != self.negated
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(text: &str, kind: Kind) -> Result<Document, Problem> {
        let root = Node::parse(text).map_err(|(position, detail)| Problem {
            position,
            message: "This policy contains invalid Json".to_owned(),
            detail,
        })?;
        Reader { kind, variables: false }.document(&root)
    }
}

impl Statement {
    /// Whether the statement speaks of the action, whatever the resource.
    pub fn speaks_of_action(&self, action: &str) -> bool {
        self.actions.speaks_of(action, &Keys::new(), Case::Ignored)
    }

    /// Whether the statement speaks of the action on the resource, its conditions aside.
    pub(in crate::iam) fn speaks_of(&self, action: &str, resource: &str, keys: &Keys) -> bool {
        self.actions.speaks_of(action, keys, Case::Ignored)
            && self
                .resources
                .as_ref()
                .is_none_or(|listed| listed.speaks_of(resource, keys, Case::Sensitive))
    }

    /// Whether every condition holds.
    pub(super) fn conditions_hold(&self, keys: &Keys) -> bool {
        self.conditions.iter().all(|condition| condition.holds(keys))
    }

    /// Its resources as they are written, and whether they are those it does not speak of; none for a trust
    /// policy's.
    pub fn resources(&self) -> Option<(Vec<&str>, bool)> {
        let listed = self.resources.as_ref()?;
        Some((listed.patterns.iter().map(Pattern::source).collect(), listed.negated))
    }

    /// Its actions as they are written, and whether they are those it does not speak of.
    pub fn actions(&self) -> (Vec<&str>, bool) {
        (self.actions.patterns.iter().map(Pattern::source).collect(), self.actions.negated)
    }

    /// The ARNs of users, roles and sessions that it names.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        let named = self.principals.iter().flat_map(|principals| &principals.named);
        named.filter_map(|name| match name {
            Name::Arn(arn) => Some(arn.as_str()),
            _ => None,
        })
    }

    /// Whether it names nobody in particular, or only whom it does not speak of.
    pub(super) fn names_everybody(&self) -> bool {
        self.principals.as_ref().is_some_and(|principals| {
            principals.negated || principals.named.contains(&Name::Everyone)
        })
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter()
    }

    /// The keys of the request that decide what the statement says: those of conditions and of variables.
    pub fn asked_keys(&self) -> impl Iterator<Item = &str> {
        let listed = self.resources.iter().chain([&self.actions]);
        let values = self.conditions.iter().flat_map(|condition| &condition.values);
        let patterns = listed.flat_map(|listed| &listed.patterns).chain(values);
        self.condition_keys().chain(patterns.flat_map(Pattern::variables))
    }

    /// The keys its conditions ask for.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.key.as_str())
    }

    /// What a resource-based statement gives the principal.
    pub(super) fn grant(&self, principal: &Principal, keys: &Keys) -> Option<Grant> {
        let deny = self.effect == Effect::Deny;
        self.principals.as_ref().and_then(|element| element.grant(principal, keys, deny))
    }
}

/// What AWS says of whatever does not fit the grammar.
const SYNTAX: &str = "Syntax errors in policy.";

struct Reader {
    kind: Kind,
    /// Policies of 2008 know no variables.
    variables: bool,
}

impl Reader {
    fn document(mut self, root: &Node<'_>) -> Result<Document, Problem> {
        let members = object(root, "a policy is an object")?;
        let (mut statements, mut seen) = (None, HashSet::new());
        for (name, value) in &members {
            if !seen.insert(name.to_string()) {
                return Err(problem(value, SYNTAX, format!("`{name}` stands twice")));
            }
            match &**name {
                "Version" => match value.shape() {
                    Shape::String(version) if version == "2012-10-17" => self.variables = true,
                    Shape::String(version) if version == "2008-10-17" => {}
                    _ => {
                        let message = "The policy must contain a valid version string";
                        let detail = "Version is 2012-10-17 or 2008-10-17";
                        return Err(problem(value, message, detail));
                    }
                },
                "Id" => drop(string(value, "Id")?),
                "Statement" => statements = Some(value),
                _ => {
                    return Err(problem(
                        value,
                        SYNTAX,
                        format!("`{name}` is no element of a policy"),
                    ));
                }
            }
        }
        let Some(statements) = statements else {
            return Err(problem(root, SYNTAX, "there is no Statement"));
        };
        let statements = match statements.shape() {
            Shape::Array(items) if !items.is_empty() => items,
            Shape::Object(_) => vec![*statements],
            _ => return Err(problem(statements, SYNTAX, "Statement lists at least one statement")),
        };
        let mut sids = HashSet::new();
        let mut read = Vec::with_capacity(statements.len());
        for node in &statements {
            let statement = self.statement(node)?;
            if let Some(sid) = &statement.sid
                && !sids.insert(sid.clone())
            {
                let message = "Statement IDs (SID) in a single policy must be unique.";
                return Err(problem(node, message, format!("`{sid}` stands twice")));
            }
            read.push(statement);
        }
        Ok(Document { statements: read })
    }

    fn statement(&self, node: &Node<'_>) -> Result<Statement, Problem> {
        let members = object(node, "a statement is an object")?;
        let mut sid = None;
        let mut effect = None;
        let (mut principals, mut actions, mut resources) = (None, None, None);
        let mut conditions = Vec::new();
        let mut seen = HashSet::new();
        for (name, value) in &members {
            if !seen.insert(name.to_string()) {
                return Err(problem(value, SYNTAX, format!("`{name}` stands twice")));
            }
            let twice = |other: &str| {
                let detail = format!("a statement has `{name}` or `{other}`, not both");
                Err(problem(value, SYNTAX, detail))
            };
            match &**name {
                "Sid" => sid = Some(self.sid(value)?),
                "Effect" => {
                    effect = Some(match string(value, "Effect")?.as_str() {
                        "Allow" => Effect::Allow,
                        "Deny" => Effect::Deny,
                        other => {
                            let detail = format!("Effect is Allow or Deny, not `{other}`");
                            return Err(problem(value, SYNTAX, detail));
                        }
                    });
                }
                "Action" | "NotAction" if actions.is_some() => {
                    return twice(if name == "Action" { "NotAction" } else { "Action" });
                }
                "Resource" | "NotResource" if resources.is_some() => {
                    return twice(if name == "Resource" { "NotResource" } else { "Resource" });
                }
                "Principal" | "NotPrincipal" if principals.is_some() => {
                    return twice(if name == "Principal" { "NotPrincipal" } else { "Principal" });
                }
                "Action" | "NotAction" => actions = Some(self.actions(name, value)?),
                "Resource" | "NotResource" => resources = Some(self.resources(name, value)?),
                "Principal" | "NotPrincipal" => principals = Some(self.principals(name, value)?),
                "Condition" => conditions = self.conditions(value)?,
                _ => {
                    let detail = format!("`{name}` is no element of a statement");
                    return Err(problem(value, SYNTAX, detail));
                }
            }
        }
        let missing = |message: &str, detail: &str| Err(problem(node, message, detail));
        let Some(effect) = effect else {
            return missing("Missing required field Effect", "the statement has no Effect");
        };
        let Some(actions) = actions else {
            return match self.kind {
                Kind::Identity => missing("Policy statement must contain actions.", ""),
                Kind::Trust | Kind::Resource => missing("Missing required field Action", ""),
            };
        };
        let misfit = match self.kind {
            Kind::Trust | Kind::Resource if principals.is_none() => {
                Some("Missing required field Principal")
            }
            Kind::Trust if resources.is_some() => Some("Has prohibited field Resource"),
            Kind::Identity if principals.is_some() => {
                Some("Policy document should not specify a principal.")
            }
            Kind::Identity if resources.is_none() => {
                Some("Policy statement must contain resources.")
            }
            Kind::Identity | Kind::Resource | Kind::Trust => None,
        };
        if let Some(message) = misfit {
            return missing(message, "");
        }
        let (start, end) = (node.start(), node.end());
        Ok(Statement { sid, effect, start, end, principals, actions, resources, conditions })
    }

    fn sid(&self, node: &Node<'_>) -> Result<String, Problem> {
        let sid = string(node, "Sid")?;
        // Resource-based policies of most services take any text.
        let strict = self.kind != Kind::Resource;
        if strict && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input \
                           satisfies the regular expression [0-9A-Za-z]*";
            return Err(problem(node, message, format!("`{sid}` has other letters")));
        }
        Ok(sid)
    }

    fn actions(&self, name: &str, node: &Node<'_>) -> Result<Listed, Problem> {
        let mut patterns = Vec::new();
        for (value, text) in strings(node, name)? {
            let vendor = text.split_once(':');
            match vendor {
                None if text == "*" => {}
                None => {
                    let message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
                    return Err(problem(&value, message, format!("`{text}` names no service")));
                }
                Some((vendor, action)) => {
                    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-*?_".contains(&byte);
                    if vendor.is_empty() || !vendor.bytes().all(fits) || vendor.contains(['*', '?'])
                    {
                        let message = format!("Vendor {vendor} is not valid");
                        return Err(problem(&value, message, ""));
                    }
                    if action.is_empty() || !action.bytes().all(fits) {
                        let message = "Actions/Condition can contain only one colon.";
                        let message = if action.contains(':') { message } else { SYNTAX };
                        return Err(problem(&value, message, format!("`{text}` is no action")));
                    }
                    if self.kind == Kind::Trust && !vendor.eq_ignore_ascii_case("sts") {
                        let message = "AssumeRole policy may only specify STS AssumeRole actions.";
                        return Err(problem(&value, message, format!("`{text}`")));
                    }
                }
            }
            patterns.push(Pattern::wildcards(&text, false));
        }
        Ok(Listed { negated: name == "NotAction", patterns })
    }

    fn resources(&self, name: &str, node: &Node<'_>) -> Result<Listed, Problem> {
        let mut patterns = Vec::new();
        for (value, text) in strings(node, name)? {
            let variable = self.variables && text.starts_with("${");
            if text != "*" && !text.starts_with("arn:") && !text.starts_with("*:") && !variable {
                let message = format!("Resource {text} must be in ARN format or \"*\".");
                return Err(problem(&value, message, ""));
            }
            if let Some(rest) = text.strip_prefix("arn:") {
                let partition = rest.split(':').next().unwrap_or_default();
                if !["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"]
                    .contains(&partition)
                    && !partition.contains(['*', '?', '$'])
                {
                    let message =
                        format!("Partition \"{partition}\" is not valid for resource \"{text}\".");
                    return Err(problem(&value, message, ""));
                }
                if text.splitn(6, ':').count() < 6 && !text.ends_with('*') {
                    let message = format!("Resource {text} must be in ARN format or \"*\".");
                    return Err(problem(&value, message, "an ARN has six parts"));
                }
            }
            patterns.push(Pattern::wildcards(&text, self.variables));
        }
        Ok(Listed { negated: name == "NotResource", patterns })
    }

    fn principals(&self, name: &str, node: &Node<'_>) -> Result<Principals, Problem> {
        let negated = name == "NotPrincipal";
        let mut named = Vec::new();
        match node.shape() {
            Shape::String(text) if text == "*" => named.push(Name::Everyone),
            Shape::Object(members) if !members.is_empty() => {
                for (kind, value) in &members {
                    for (node, text) in strings(value, kind)? {
                        named.push(principal(kind, &text).ok_or_else(|| {
                            let message =
                                format!("Invalid principal in policy: \"{kind}\":\"{text}\"");
                            problem(&node, message, "")
                        })?);
                    }
                }
            }
            _ => return Err(problem(node, SYNTAX, format!("{name} is \"*\" or an object"))),
        }
        Ok(Principals { negated, named })
    }

    fn conditions(&self, node: &Node<'_>) -> Result<Vec<Condition>, Problem> {
        let mut conditions = Vec::new();
        for (name, keys) in object(node, "Condition is an object of operators")? {
            let operator = Operator::parse(&name)
                .ok_or_else(|| problem(&keys, format!("Invalid Condition type : {name}."), ""))?;
            for (key, values) in object(&keys, "an operator holds an object of keys")? {
                if !key.contains(':') {
                    let message = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
                    return Err(problem(
                        &values,
                        message,
                        format!("the key `{key}` names no service"),
                    ));
                }
                let mut patterns = Vec::new();
                for (value, text) in scalars(&values)? {
                    if !operator.takes(&text) {
                        let detail = format!("`{text}` is no value for {name}");
                        return Err(problem(&value, SYNTAX, detail));
                    }
                    patterns.push(operator.pattern(&text, self.variables));
                }
                let key = key.to_ascii_lowercase();
                conditions.push(Condition { operator, key, values: patterns });
            }
        }
        Ok(conditions)
    }
}

fn principal(kind: &str, text: &str) -> Option<Name> {
    Some(match kind {
        "AWS" => return Name::aws(text),
        "Service" if text == "*" => Name::Service(Pattern::wildcards("*", false)),
        "Service" if text.contains('.') => Name::Service(Pattern::literal(text, false)),
        "Federated" if !text.is_empty() => Name::Federated(text.to_owned()),
        "CanonicalUser" if !text.is_empty() => Name::Other(text.to_owned()),
        _ => return None,
    })
}

type Members<'a> = Vec<(std::borrow::Cow<'a, str>, Node<'a>)>;

fn object<'a>(node: &Node<'a>, detail: &str) -> Result<Members<'a>, Problem> {
    match node.shape() {
        Shape::Object(members) => Ok(members),
        _ => Err(problem(node, SYNTAX, detail)),
    }
}

fn string(node: &Node<'_>, name: &str) -> Result<String, Problem> {
    match node.shape() {
        Shape::String(text) => Ok(text),
        _ => Err(problem(node, SYNTAX, format!("{name} is a string"))),
    }
}

/// A string, or a list of at least one.
fn strings<'a>(node: &Node<'a>, name: &str) -> Result<Vec<(Node<'a>, String)>, Problem> {
    match node.shape() {
        Shape::Array(items) if !items.is_empty() => {
            items.iter().map(|item| Ok((*item, string(item, name)?))).collect()
        }
        Shape::Array(_) => Err(problem(node, SYNTAX, format!("{name} lists nothing"))),
        _ => Ok(vec![(*node, string(node, name)?)]),
    }
}

/// The values of a condition key, numbers and booleans as they are written.
fn scalars<'a>(node: &Node<'a>) -> Result<Vec<(Node<'a>, String)>, Problem> {
    let nodes = match node.shape() {
        Shape::Array(items) => items,
        _ => vec![*node],
    };
    let scalar = |node: Node<'a>| match node.shape() {
        Shape::String(text) => Ok((node, text)),
        Shape::Scalar(text) => Ok((node, text.to_owned())),
        _ => Err(problem(&node, SYNTAX, "a condition's values are strings, numbers or booleans")),
    };
    nodes.into_iter().map(scalar).collect()
}

fn problem(node: &Node<'_>, message: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem { position: node.start(), message: message.into(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_with_their_place() {
        let cases: &[(&str, Kind, &str)] = &[
            (
                "{\n \"Statement\": \"a\nb\"}",
                Kind::Identity,
                "line 2, column 16: This policy contains invalid Json",
            ),
            ("[]", Kind::Identity, "line 1, column 1: Syntax errors in policy."),
            (
                "{\"Statement\": [\n  {\"Effect\": \"Allow\", \"Action\": \"s3:*\",\n   \"Resource\": \"bucket\"}]}",
                Kind::Identity,
                "line 3, column 16: Resource bucket must be in ARN format or \"*\".",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Resource\": \"*\",\n\"Action\": [\"s3:a\",\n\"list\"]}}",
                Kind::Identity,
                "line 3, column 1: Actions/Conditions must be prefaced by a vendor",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"Service\": \"a.amazonaws.com\"},\n\"Action\": \"s3:a\"}}",
                Kind::Trust,
                "line 2, column 11: AssumeRole policy may only specify STS AssumeRole actions.",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:a\", \"Resource\": \"*\", \"Condition\":\n{\"NullIfExists\": {\"aws:a\": true}}}}",
                Kind::Identity,
                "line 2, column 18: Invalid Condition type : NullIfExists.",
            ),
        ];
        for (text, kind, told) in cases {
            let problem = Document::parse(text, *kind).unwrap_err().to_string();
            assert!(problem.starts_with(told), "{text}\n{problem}");
        }
    }
}
