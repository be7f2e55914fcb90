//! A Choice rule in a few words: `$.status == "done" and $.tries < 3`.

use serde_json::Value;

/// The rule's text, as far as it can be read.
pub(super) fn text(rule: &Value) -> String {
    if let Some(condition) = rule["Condition"].as_str() {
        let inner = condition.strip_prefix("{%").and_then(|rest| rest.strip_suffix("%}"));
        return inner.unwrap_or(condition).split_whitespace().collect::<Vec<_>>().join(" ");
    }
    said(rule, false)
}

/// `within`: as a part of another one, so that what has parts itself stands in parentheses.
fn said(rule: &Value, within: bool) -> String {
    for (member, word) in [("And", " and "), ("Or", " or ")] {
        if let Some(parts) = rule[member].as_array() {
            let text = parts.iter().map(|part| said(part, true)).collect::<Vec<_>>().join(word);
            return if within && parts.len() > 1 { format!("({text})") } else { text };
        }
    }
    if let Some(part) = rule.get("Not") {
        return format!("not ({})", said(part, false));
    }
    let variable = rule["Variable"].as_str().unwrap_or("?");
    let members = rule.as_object().into_iter().flatten();
    let comparison =
        members.filter_map(|(name, operand)| Some((comparison(name)?, name, operand))).next();
    let Some((comparison, name, operand)) = comparison else { return variable.to_owned() };
    // `IsPresent: false` and its like say the opposite; with a `Path` form the value is not known.
    if let Some(is) = comparison.strip_prefix("is ") {
        return match operand {
            Value::Bool(false) => format!("{variable} is not {is}"),
            _ => format!("{variable} is {is}"),
        };
    }
    let operand = match operand {
        Value::String(path) if name.ends_with("Path") => path.clone(),
        other => other.to_string(),
    };
    format!("{variable} {comparison} {operand}")
}

fn comparison(member: &str) -> Option<&'static str> {
    let plain = member.strip_suffix("Path").unwrap_or(member);
    if let Some(is) = plain.strip_prefix("Is") {
        return Some(match is {
            "Null" => "is null",
            "Present" => "is present",
            "Numeric" => "is a number",
            "String" => "is a string",
            "Boolean" => "is a boolean",
            "Timestamp" => "is a timestamp",
            _ => return None,
        });
    }
    let types = ["String", "Numeric", "Boolean", "Timestamp"];
    Some(match types.iter().find_map(|name| plain.strip_prefix(name))? {
        "Equals" => "==",
        "LessThan" => "<",
        "LessThanEquals" => "<=",
        "GreaterThan" => ">",
        "GreaterThanEquals" => ">=",
        "Matches" => "matches",
        _ => return None,
    })
}
