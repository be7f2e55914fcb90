//! As much of JSONata as the generator writes: paths, literals, constructors, a few operators and functions.

use serde_json::{Map, Value, json};

use super::model::Scope;

/// A value, undefined (`None`), or an error's code and text.
type Evaluated = Result<Option<Value>, String>;

pub fn evaluate(source: &str, scope: &Scope) -> Evaluated {
    let mut reader = Reader { rest: source };
    let expression = reader.expression();
    assert!(reader.rest.trim().is_empty(), "the model cannot read {source}");
    expression.value(scope)
}

enum Expression {
    Literal(Value),
    /// A variable and the names after it.
    Path(String, Vec<String>),
    Array(Vec<Expression>),
    Object(Vec<(String, Expression)>),
    Call(&'static str, Box<Expression>),
    Operator(&'static str, Box<Expression>, Box<Expression>),
    Conditional(Box<[Expression; 3]>),
}

struct Reader<'s> {
    rest: &'s str,
}

impl Reader<'_> {
    fn takes(&mut self, symbol: &str) -> bool {
        match self.rest.trim_start().strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn must(&mut self, symbol: &str) {
        assert!(self.takes(symbol), "the model expects {symbol} before {}", self.rest);
    }

    fn word(&mut self) -> String {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        self.rest = &rest[end..];
        rest[..end].to_owned()
    }

    /// An operand, or several with operators between them.
    fn expression(&mut self) -> Expression {
        let first = self.operand();
        for operator in ["=", "+", "&"] {
            if self.takes(operator) {
                return Expression::Operator(operator, first.into(), self.operand().into());
            }
        }
        if self.takes("?") {
            let then = self.operand();
            self.must(":");
            return Expression::Conditional([first, then, self.operand()].into());
        }
        first
    }

    fn operand(&mut self) -> Expression {
        if self.takes("(") {
            let inner = self.expression();
            self.must(")");
            return inner;
        }
        if self.takes("[") {
            let mut items = Vec::new();
            while !self.takes("]") {
                items.push(self.expression());
                self.takes(",");
            }
            return Expression::Array(items);
        }
        if self.takes("{") {
            let mut members = Vec::new();
            while !self.takes("}") {
                self.must("'");
                let name = self.word();
                self.must("':");
                members.push((name, self.expression()));
                self.takes(",");
            }
            return Expression::Object(members);
        }
        if self.takes("'") {
            let text = self.word();
            self.must("'");
            return Expression::Literal(json!(text));
        }
        for function in ["$count", "$exists"] {
            if self.takes(function) {
                return Expression::Call(function, self.operand().into());
            }
        }
        if self.takes("$") {
            let variable = self.word();
            let mut names = Vec::new();
            while self.takes(".") {
                names.push(self.word());
            }
            return Expression::Path(variable, names);
        }
        let word = self.word();
        Expression::Literal(
            serde_json::from_str(&word).unwrap_or_else(|_| panic!("a literal: {word}")),
        )
    }
}

impl Expression {
    fn value(&self, scope: &Scope) -> Evaluated {
        Ok(match self {
            Expression::Literal(value) => Some(value.clone()),
            Expression::Path(variable, names) => path(scope, variable, names),
            Expression::Array(items) => {
                let mut array = Vec::new();
                for item in items {
                    match (item, item.value(scope)?) {
                        (_, None) => {}
                        // Only an array that is written out stays one within another.
                        (Expression::Array(_), Some(inner)) => array.push(inner),
                        (_, Some(Value::Array(inner))) => array.extend(inner),
                        (_, Some(value)) => array.push(value),
                    }
                }
                Some(json!(array))
            }
            Expression::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.value(scope)? {
                        object.insert(name.clone(), value);
                    }
                }
                Some(Value::Object(object))
            }
            Expression::Call(function, argument) => {
                let argument = argument.value(scope)?;
                Some(match (*function, argument) {
                    ("$exists", argument) => json!(argument.is_some()),
                    (_, None) => json!(0),
                    (_, Some(Value::Array(items))) => json!(items.len()),
                    (_, Some(_)) => json!(1),
                })
            }
            Expression::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                // The generator's conditions are `$exists`.
                let holds = condition.value(scope)? == Some(json!(true));
                return if holds { then.value(scope) } else { otherwise.value(scope) };
            }
            Expression::Operator(operator, first, second) => {
                let (first, second) = (first.value(scope)?, second.value(scope)?);
                match *operator {
                    "=" => Some(json!(first.is_some() && first == second)),
                    "&" => Some(json!(format!("{}{}", text(first), text(second)))),
                    _ => {
                        for (side, value) in
                            [("T2001: The left", &first), ("T2002: The right", &second)]
                        {
                            if value.as_ref().is_some_and(|value| !value.is_number()) {
                                return Err(format!(
                                    "{side} side of the \"+\" operator must evaluate to a number"
                                ));
                            }
                        }
                        let number = |value: Option<Value>| value.and_then(|value| value.as_i64());
                        number(first)
                            .zip(number(second))
                            .map(|(first, second)| json!(first + second))
                    }
                }
            }
        })
    }
}

fn path(scope: &Scope, variable: &str, names: &[String]) -> Option<Value> {
    if variable != "states" {
        return walk(scope.variable(variable)?, names);
    }
    let (member, names) = names.split_first()?;
    let value = match member.as_str() {
        "input" => Some(scope.input),
        "result" => scope.result,
        "errorOutput" => scope.error_output,
        _ => Some(&scope.context),
    };
    walk(value?, names)
}

/// Names lead into objects, and into each item of an array: what is found there is one list. The last name keeps an
/// array as it is if it is all that was found.
fn walk(value: &Value, names: &[String]) -> Option<Value> {
    let Some((name, names)) = names.split_first() else { return Some(value.clone()) };
    let mut found = match value {
        Value::Array(items) => items.iter().filter_map(|item| member(item, name)).collect(),
        single => Vec::from_iter(member(single, name)),
    };
    if names.is_empty() && matches!(found[..], [Found::Member(Value::Array(_))]) {
        return found.pop().map(Found::value);
    }
    let mut list = Vec::new();
    for found in found {
        match found.value() {
            Value::Array(items) => list.extend(items),
            value => list.push(value),
        }
    }
    match (list.len(), names.is_empty()) {
        (0, _) => None,
        (1, true) => list.pop(),
        _ => walk(&Value::Array(list), names),
    }
}

enum Found {
    Member(Value),
    /// From the items of an array.
    List(Value),
}

impl Found {
    fn value(self) -> Value {
        match self {
            Found::Member(value) | Found::List(value) => value,
        }
    }
}

fn member(value: &Value, name: &str) -> Option<Found> {
    match value {
        Value::Object(members) => members.get(name).cloned().map(Found::Member),
        Value::Array(items) => {
            let mut list = Vec::new();
            for found in items.iter().filter_map(|item| member(item, name)) {
                match found.value() {
                    Value::Array(items) => list.extend(items),
                    value => list.push(value),
                }
            }
            match list.len() {
                0 => None,
                1 => list.pop().map(Found::Member),
                _ => Some(Found::List(Value::Array(list))),
            }
        }
        _ => None,
    }
}

fn text(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}
