//! Any request against any policies: the evaluator and the slow one must agree.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{Case, ROLE, SESSION, USER, slow, told};

const PATTERNS: &[&str] = &[
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a*",
    "arn:aws:s3:::?b",
    "arn:aws:s3:::*b*",
    "arn:aws:s3:::${aws:username}",
    "arn:aws:s3:::${aws:username}*",
    "arn:aws:s3:::${aws:missing, 'a'}",
    "arn:aws:s3:::${*}",
    "arn:aws:*:::a",
    "arn:aws:s3:::${aws:TagKeys}?",
    "arn:aws:s3:::*a*b*a",
];
const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::ab",
    "arn:aws:s3:::bb",
    "arn:aws:s3:::*",
    "arn:aws:s3:::aabba",
    "arn:aws:s3:::?",
];
const ACTIONS: &[&str] =
    &["*", "s3:*", "s3:GetObject", "s3:Get*", "S3:*object", "s3:?etObject", "sqs:*"];
const TEXTS: &[&str] = &[
    "a",
    "b",
    "ab",
    "A",
    "*",
    "a*",
    "?",
    "${aws:username}",
    "${aws:username}*",
    "${aws:missing, 'b'}",
    "",
];
const VALUES: &[&str] = &["a", "b", "ab", "A", "*", "", "?b"];

/// Operator names without set and suffix, with values of theirs: those of policies, those of requests.
const OPERATORS: &[(&str, &[&str], &[&str])] = &[
    ("StringEquals", TEXTS, VALUES),
    ("StringNotEquals", TEXTS, VALUES),
    ("StringEqualsIgnoreCase", TEXTS, VALUES),
    ("StringNotEqualsIgnoreCase", TEXTS, VALUES),
    ("StringLike", TEXTS, VALUES),
    ("StringNotLike", TEXTS, VALUES),
    ("NumericEquals", &["1", "1.0", "-2"], &["1", "2", "-2.0", "x"]),
    ("NumericNotEquals", &["1", "1.0", "-2"], &["1", "2", "-2.0", "x"]),
    ("NumericLessThanEquals", &["1", "10"], &["1", "2", "9", "10"]),
    ("NumericGreaterThan", &["1", "10"], &["1", "2", "9", "11"]),
    (
        "DateLessThan",
        &["2020-01-01", "2020-06"],
        &["2019-12-31T23:59:59Z", "2020-03-01T00:00:00Z", "1577836800"],
    ),
    (
        "DateGreaterThanEquals",
        &["2020-01-01", "2021"],
        &["2019-12-31T23:59:59Z", "2020-03-01T00:00:00Z", "1609459200"],
    ),
    ("Bool", &["true", "false"], &["true", "false", "TRUE"]),
    ("IpAddress", &["10.0.0.0/8", "10.1.2.3", "::/0"], &["10.1.2.3", "11.0.0.1", "::1", "x"]),
    (
        "NotIpAddress",
        &["10.0.0.0/9", "2001:db8::/33"],
        &["10.1.2.3", "10.200.0.1", "2001:db8::1", "2001:db8:8000::1"],
    ),
    ("ArnLike", &["arn:aws:s3:::a*", "arn:*:s3:::?", "arn:aws:s3:::${aws:username}"], RESOURCES),
    ("ArnNotEquals", &["arn:aws:s3:::a*", "arn:aws:s3:::${aws:username}b"], RESOURCES),
    ("Null", &["true", "false"], VALUES),
];
const KEY_NAMES: &[&str] = &["aws:k", "aws:l"];

fn texts(from: &'static [&'static str]) -> impl Strategy<Value = Value> {
    vec(select(from), 1..3).prop_map(|texts| json!(texts))
}

/// An operator in full, with values.
fn condition() -> impl Strategy<Value = (Value, &'static [&'static str])> {
    let parts = (select(OPERATORS), 0..4usize, any::<bool>(), select(KEY_NAMES));
    parts.prop_flat_map(|((name, wanted, given), set, if_exists, key)| {
        let bare = name == "Null" || set > 2;
        let set = ["", "ForAllValues:", "ForAnyValue:"].get(set).filter(|_| !bare).unwrap_or(&"");
        let suffix = if if_exists && !bare { "IfExists" } else { "" };
        let operator = format!("{set}{name}{suffix}");
        texts(wanted).prop_map(move |values| (json!({ &operator: { key: values } }), given))
    })
}

fn statement(with_principal: bool) -> impl Strategy<Value = (Value, &'static [&'static str])> {
    let principals = vec![
        json!("*"),
        json!({ "AWS": USER }),
        json!({ "AWS": ROLE }),
        json!({ "AWS": SESSION }),
        json!({ "AWS": "123456789012" }),
        json!({ "AWS": [USER, "123456789012"] }),
        json!({ "AWS": [SESSION, ROLE, "arn:aws:iam::123456789012:root"] }),
        json!({ "Service": "states.amazonaws.com" }),
        json!({ "AWS": "210987654321" }),
    ];
    let negated = || prop::bool::weighted(0.2);
    let parts = (
        prop::bool::weighted(0.8),
        (negated(), texts(ACTIONS)),
        (negated(), texts(PATTERNS)),
        (negated(), select(principals)),
        option::weighted(0.5, condition()),
    );
    parts.prop_map(move |(allow, action, resource, principal, condition)| {
        let mut statement = json!({ "Effect": if allow { "Allow" } else { "Deny" } });
        let mut put = |name: &str, (negated, value): (bool, Value)| {
            let name = if negated { format!("Not{name}") } else { name.to_owned() };
            statement[name] = value;
        };
        put("Action", action);
        put("Resource", resource);
        if with_principal {
            put("Principal", principal);
        }
        let mut given = VALUES;
        if let Some((condition, values)) = condition {
            statement["Condition"] = condition;
            given = values;
        }
        (statement, given)
    })
}

type Layer = Vec<(Value, &'static [&'static str])>;

fn case() -> impl Strategy<Value = Case> {
    let layers = (
        vec(statement(false), 0..4),
        option::weighted(0.3, vec(statement(false), 1..3)),
        option::weighted(0.3, vec(statement(false), 1..3)),
        option::weighted(0.5, vec(statement(true), 1..3)),
    );
    let who = select(vec!["user", "role", "root", "anonymous", "states.amazonaws.com"]);
    let request = (
        who,
        select(&["s3:GetObject", "s3:PutObject", "sqs:SendMessage"][..]),
        select(RESOURCES),
        option::weighted(0.2, Just("210987654321".to_owned())),
        select(&["2012-10-17", "2012-10-17", "2008-10-17"][..]),
        option::of(select(&["a", "*", "ab", "?"][..])),
        vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
        any::<prop::sample::Index>(),
    );
    (layers, request).prop_map(|((identity, boundary, session, resource), request)| {
        let (who, action, on, owner, version, username, picks, pick) = request;
        let layers: [Option<&Layer>; 4] =
            [Some(&identity), boundary.as_ref(), session.as_ref(), resource.as_ref()];
        // Values of a kind that one of the statements asks for, so that conditions often nearly hold.
        let kinds: Vec<&[&str]> =
            layers.into_iter().flatten().flatten().map(|(_, given)| *given).collect();
        let given = if kinds.is_empty() { VALUES } else { kinds[pick.index(kinds.len())] };
        let mut keys = Map::new();
        for (key, value) in &picks {
            let key = KEY_NAMES[key.index(KEY_NAMES.len())];
            let values = keys.entry(key).or_insert_with(|| json!([]));
            values.as_array_mut().unwrap().push(json!(given[value.index(given.len())]));
        }
        if let Some(username) = username {
            keys.insert("aws:username".to_owned(), json!(username));
        }
        let bare = |layer: Layer| layer.into_iter().map(|(statement, _)| statement).collect();
        Case {
            who: who.to_owned(),
            action: action.to_owned(),
            on: on.to_owned(),
            owner,
            version: version.to_owned(),
            keys,
            identity: bare(identity),
            boundary: boundary.map(bare),
            session: session.map(bare),
            resource: resource.map(bare),
            ..Case::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_slow_evaluator_agrees(case in case()) {
        let (is, _) = told(case.decide().outcome);
        prop_assert_eq!(is, slow::decide(&case), "{}", serde_json::to_string(&case).unwrap());
    }
}
