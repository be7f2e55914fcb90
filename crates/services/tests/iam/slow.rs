//! The same evaluation, plain and slow, over the JSON as it stands: a second opinion that shares no code
//! with the first. Patterns are searched by recursion, layers weighed as sets of booleans.

use serde_json::{Map, Value};

use super::{ACCOUNT, Case, ROLE, SESSION, USER};

/// `allowed`, `explicitDeny` or `implicitDeny`.
pub fn decide(case: &Case) -> &'static str {
    let documents = case.documents();
    let facts: Vec<Option<Facts>> = documents
        .iter()
        .enumerate()
        .map(|(at, document)| document.as_ref().map(|d| facts(case, d, at == 3)))
        .collect();
    if facts.iter().flatten().any(|facts| facts.denied) {
        return "explicitDeny";
    }
    let allows = |at: usize| facts[at].as_ref().map(|facts| facts.allowed);
    let grants = |name: &str| facts[3].as_ref().is_some_and(|facts| facts.grants.contains(&name));
    let identity = allows(0) == Some(true) || case.who == "root";
    let limits = allows(1) != Some(false) && allows(2) != Some(false);
    let own_account = case.owner.as_deref().is_none_or(|owner| owner == ACCOUNT);
    let any_grant = allows(3) == Some(true);
    let person = ["user", "role", "root"].contains(&case.who.as_str());
    let allowed = if !person {
        any_grant
    } else if !own_account {
        any_grant && identity && limits
    } else {
        let opened = case.trust.is_none() || any_grant;
        grants("itself") || (opened && limits && (identity || grants("role")))
    };
    if allowed { "allowed" } else { "implicitDeny" }
}

struct Facts {
    denied: bool,
    allowed: bool,
    grants: Vec<&'static str>,
}

fn facts(case: &Case, document: &Value, of_resource: bool) -> Facts {
    let new = document["Version"] == "2012-10-17";
    let mut facts = Facts { denied: false, allowed: false, grants: Vec::new() };
    for statement in document["Statement"].as_array().unwrap() {
        let deny = statement["Effect"] == "Deny";
        let grants = if of_resource { granted(case, statement, deny) } else { vec!["policy"] };
        if grants.is_empty() || !fits(case, statement, new) {
            continue;
        }
        if deny {
            facts.denied = true;
        } else {
            facts.allowed = true;
            facts.grants.extend(grants);
        }
    }
    facts
}

fn list(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        Value::Null => Vec::new(),
        value => vec![text(value)],
    }
}

fn granted(case: &Case, statement: &Value, deny: bool) -> Vec<&'static str> {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let federated = case.who.strip_prefix("federated:");
    let mine: Vec<(&str, Vec<&str>, &'static str)> = match case.who.as_str() {
        "user" => vec![("AWS", vec![ACCOUNT, &root], "account"), ("AWS", vec![USER], "itself")],
        "role" => vec![
            ("AWS", vec![ACCOUNT, &root], "account"),
            ("AWS", vec![ROLE], "role"),
            ("AWS", vec![SESSION], "itself"),
        ],
        "root" => vec![("AWS", vec![ACCOUNT, &root], "itself")],
        "anonymous" => vec![],
        other => match federated {
            Some(provider) => vec![("Federated", vec![provider], "itself")],
            None => vec![("Service", vec![other], "itself")],
        },
    };
    let element = if statement["Principal"].is_null() {
        &statement["NotPrincipal"]
    } else {
        &statement["Principal"]
    };
    let everybody = *element == "*" || list(&element["AWS"]).contains(&"*".to_owned());
    let says = |kind: &str, names: &[&str]| {
        let listed = list(&element[kind]);
        names.iter().any(|name| listed.iter().any(|listed| listed == name))
    };
    if statement["NotPrincipal"].is_null() {
        if everybody {
            return vec!["itself"];
        }
        let named = mine.iter().filter(|(kind, names, _)| says(kind, names));
        return named.map(|(_, _, grant)| *grant).collect();
    }
    let count = mine.iter().filter(|(kind, names, _)| says(kind, names)).count();
    let spared =
        everybody || if deny { !mine.is_empty() && count == mine.len() } else { count > 0 };
    if spared { vec![] } else { vec!["itself"] }
}

fn fits(case: &Case, statement: &Value, new: bool) -> bool {
    let action = |pattern: &String| {
        let letters = letters(&pattern.to_lowercase(), case, false, true).unwrap();
        like(&letters, &chars(&case.action.to_lowercase()))
    };
    let resource = |pattern: &String| {
        letters(pattern, case, new, true).is_some_and(|letters| like(&letters, &chars(&case.on)))
    };
    let one_of = |name: &str, test: &dyn Fn(&String) -> bool| match statement.get(name) {
        Some(value) => list(value).iter().any(test),
        None => match statement.get(format!("Not{name}")) {
            Some(value) => !list(value).iter().any(test),
            None => true,
        },
    };
    one_of("Action", &action)
        && one_of("Resource", &resource)
        && statement["Condition"].as_object().is_none_or(|operators| {
            operators.iter().all(|(operator, keys)| {
                keys.as_object()
                    .unwrap()
                    .iter()
                    .all(|(key, values)| holds(case, operator, key, &list(values), new))
            })
        })
}

#[derive(Clone, Debug, PartialEq)]
enum Letter {
    Just(char),
    Star,
    Mark,
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn value_of(keys: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let found = keys.iter().find(|(key, _)| key.to_lowercase() == name.to_lowercase());
    found.map(|(_, value)| list(value)).filter(|values| !values.is_empty())
}

/// The pattern letter by letter, or none if a variable has no value.
fn letters(pattern: &str, case: &Case, variables: bool, wildcards: bool) -> Option<Vec<Letter>> {
    let mut out = Vec::new();
    let letters = chars(pattern);
    let mut at = 0;
    while at < letters.len() {
        let close = letters[at..].iter().position(|letter| *letter == '}');
        let opens = variables && letters[at] == '$' && letters.get(at + 1) == Some(&'{');
        if opens && let Some(close) = close {
            let close = at + close;
            let inside: String = letters[at + 2..close].iter().collect();
            at = close + 1;
            if ["*", "?", "$"].contains(&inside.as_str()) {
                out.push(Letter::Just(inside.chars().next().unwrap()));
                continue;
            }
            let mut parts = inside.splitn(2, ',');
            let values = value_of(&case.keys, parts.next().unwrap().trim());
            let default = parts.next().map(|text| text.trim().trim_matches('\'').to_owned());
            let value = match values {
                Some(values) if values.len() == 1 => values[0].clone(),
                _ => default?,
            };
            out.extend(value.chars().map(Letter::Just));
            continue;
        }
        out.push(match letters[at] {
            '*' if wildcards => Letter::Star,
            '?' if wildcards => Letter::Mark,
            letter => Letter::Just(letter),
        });
        at += 1;
    }
    Some(out)
}

fn like(pattern: &[Letter], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(Letter::Star), _) => (0..=text.len()).any(|skip| like(&pattern[1..], &text[skip..])),
        (Some(Letter::Mark), Some(_)) => like(&pattern[1..], &text[1..]),
        (Some(Letter::Just(one)), Some(other)) => one == other && like(&pattern[1..], &text[1..]),
        _ => false,
    }
}

fn holds(case: &Case, operator: &str, key: &str, wanted: &[String], new: bool) -> bool {
    let lower = operator.to_lowercase();
    let (set, name) = lower.rsplit_once(':').unwrap_or(("", &lower));
    let name = name.strip_suffix("ifexists").unwrap_or(name);
    let if_exists = lower.ends_with("ifexists");
    let found = value_of(&case.keys, key);
    if name == "null" {
        return wanted.iter().any(|wanted| (wanted == "true") == found.is_none());
    }
    let negated = name.contains("not");
    let positive = name.replace("not", "");
    let Some(found) = found else {
        return match set {
            "forallvalues" => true,
            "foranyvalue" => if_exists,
            _ => if_exists || negated,
        };
    };
    // Value by value: whether it is what one of the wanted says.
    let hits: Vec<bool> = found
        .iter()
        .map(|value| wanted.iter().any(|wanted| compare(case, &positive, value, wanted, new)))
        .collect();
    match (set, negated) {
        ("forallvalues", false) => !hits.contains(&false),
        ("forallvalues", true) => !hits.contains(&true),
        ("foranyvalue", false) => hits.contains(&true),
        ("foranyvalue", true) => hits.contains(&false),
        (_, false) => hits.contains(&true),
        (_, true) => !hits.contains(&true),
    }
}

fn compare(case: &Case, operator: &str, value: &str, wanted: &str, new: bool) -> bool {
    let text = |wildcards: bool, wanted: &str, value: &str| {
        letters(wanted, case, new, wildcards).is_some_and(|letters| like(&letters, &chars(value)))
    };
    let order = |left: Option<f64>, right: Option<f64>, name: &str| match (left, right) {
        (Some(left), Some(right)) => match name {
            "equals" => left == right,
            "lessthan" => left < right,
            "lessthanequals" => left <= right,
            "greaterthan" => left > right,
            "greaterthanequals" => left >= right,
            other => panic!("{other}"),
        },
        _ => false,
    };
    match operator {
        "stringequals" => text(false, wanted, value),
        "stringequalsignorecase" => letters(wanted, case, new, false).is_some_and(|letters| {
            let wanted: String = letters
                .iter()
                .map(|letter| match letter {
                    Letter::Just(letter) => *letter,
                    Letter::Star => '*',
                    Letter::Mark => '?',
                })
                .collect();
            wanted.to_lowercase() == value.to_lowercase()
        }),
        "stringlike" => text(true, wanted, value),
        "bool" => wanted.to_lowercase() == value.to_lowercase(),
        "binaryequals" => wanted.trim_end_matches('=') == value.trim_end_matches('='),
        "ipaddress" => address(value, wanted),
        "arnequals" | "arnlike" => arn(case, value, wanted, new),
        other => match other.strip_prefix("numeric") {
            Some(name) => order(value.parse().ok(), wanted.parse().ok(), name),
            None => order(moment(value), moment(wanted), other.strip_prefix("date").expect(other)),
        },
    }
}

/// Seconds since the epoch.
fn moment(text: &str) -> Option<f64> {
    if text.len() != 4 && text.parse::<f64>().is_ok() {
        return text.parse().ok();
    }
    let full = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    full.parse::<jiff::Timestamp>().ok().map(|stamp| stamp.as_second() as f64)
}

/// Bits as text, compared up to the prefix.
fn address(value: &str, wanted: &str) -> bool {
    let bits = |text: &str| match text.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => Some(format!("{:032b}", u32::from(v4))),
        Ok(std::net::IpAddr::V6(v6)) => Some(format!("{:0128b}", u128::from(v6))),
        Err(_) => None,
    };
    let (network, prefix) = wanted.split_once('/').unwrap_or((wanted, "999"));
    let (Some(network), Some(value)) = (bits(network), bits(value)) else { return false };
    let prefix = prefix.parse::<usize>().unwrap().min(network.len());
    network.len() == value.len() && network[..prefix] == value[..prefix]
}

fn arn(case: &Case, value: &str, wanted: &str, new: bool) -> bool {
    let Some(wanted) = letters(wanted, case, new, true) else { return false };
    let value: Vec<Vec<char>> = value.splitn(6, ':').map(chars).collect();
    let wanted: Vec<&[Letter]> = wanted.splitn(6, |letter| *letter == Letter::Just(':')).collect();
    value.len() == 6
        && wanted.len() == 6
        && value[0].iter().collect::<String>() == "arn"
        && wanted.iter().zip(&value).all(|(wanted, value)| like(wanted, value))
}
