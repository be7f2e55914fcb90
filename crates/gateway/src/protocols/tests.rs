//! Properties of all protocols: what goes in comes out, and nothing that comes in makes us panic.

use http::{HeaderMap, HeaderName, HeaderValue};
use models::conform::{Naming, conform};
use models::shape::Kind;
use models::timestamp::{self, Format};
use models::validate::validate;
use models::{Location, Operation, Service, ShapeId, json, text};
use proptest::prelude::*;
use serde_json::{Map, Value};
use services::Output;

use super::{Protocol, aws_json, encode, encode_error, query, rest_json};

/// Bits to make values of, as many as are asked for.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn text(&mut self) -> String {
        let letters: Vec<char> = "aZ09-_ .&=+%<>\"'é€\u{1F600}\n/{}[]".chars().collect();
        (0..self.below(9)).map(|_| letters[self.below(letters.len() as u64) as usize]).collect()
    }
}

/// A value of a shape; lists and maps are not empty, since a form cannot say that they are.
fn value(service: &Service, shape: ShapeId, dice: &mut Dice, depth: usize) -> Value {
    match &service.shape(shape).kind {
        Kind::Structure(structure) => {
            let mut members = Map::new();
            for member in &structure.members {
                let simple = simple(service, member.shape);
                if dice.below(3) == 0 || !simple && depth == 0 || member.location != Location::Body
                {
                    continue;
                }
                let value = value(service, member.shape, dice, depth.saturating_sub(1));
                if !is_empty(&value) {
                    members.insert(member.name.to_string(), value);
                }
            }
            Value::Object(members)
        }
        Kind::List { member, .. } => (0..1 + dice.below(3))
            .map(|_| value(service, member.shape, dice, depth.saturating_sub(1)))
            .filter(|item| !is_empty(item))
            .collect(),
        Kind::Map { value: held, .. } => (0..1 + dice.below(3))
            .map(|_| (dice.text(), value(service, held.shape, dice, depth.saturating_sub(1))))
            .filter(|(_, item)| !is_empty(item))
            .collect::<Map<_, _>>()
            .into(),
        Kind::String { .. } => dice.text().into(),
        Kind::Blob => "aGVsbG8=".into(),
        Kind::Integer => Value::from(dice.below(1 << 31) as i64 - (1 << 30)),
        Kind::Long => Value::from(dice.below(1 << 33) as i64 - (1 << 32)),
        Kind::Float | Kind::Double => Value::from(dice.below(1 << 20) as f64 / 8.0 + 0.125),
        Kind::Boolean => Value::from(dice.below(2) == 0),
        Kind::Timestamp(_) => timestamp::to_value(dice.below(1 << 31) as f64 + 0.25),
        Kind::Document => serde_json::json!({ "any": [1, null, "x"] }),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn simple(service: &Service, shape: ShapeId) -> bool {
    !matches!(service.shape(shape).kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. })
}

/// An operation chosen by a number.
fn operation(names: &[&str], dice: &mut Dice) -> (&'static Service, &'static Operation) {
    let service =
        models::service(names[dice.below(names.len() as u64) as usize]).expect("is there");
    (service, &service.operations[dice.below(service.operations.len() as u64) as usize])
}

/// The form a client makes of a value, as the query protocol says.
fn form_of(service: &Service, shape: ShapeId, prefix: &str, value: &Value, form: &mut query::Form) {
    let dotted =
        |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match (&service.shape(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => {
            for (name, value) in members {
                let member = structure.member(name).expect("of the model");
                form_of(service, member.shape, &dotted(member.wire_name()), value, form);
            }
        }
        (Kind::List { member, flattened }, Value::Array(items)) => {
            let name = member.wire_name.as_deref().unwrap_or("member");
            for (place, item) in items.iter().enumerate() {
                let prefix = match (flattened, &member.wire_name) {
                    (false, _) => dotted(&format!("{name}.{}", place + 1)),
                    (true, None) => dotted(&(place + 1).to_string()),
                    (true, Some(name)) => {
                        let parent = prefix.rsplit_once('.').map_or("", |(parent, _)| parent);
                        let dot = if parent.is_empty() { "" } else { "." };
                        format!("{parent}{dot}{name}.{}", place + 1)
                    }
                };
                form_of(service, member.shape, &prefix, item, form);
            }
        }
        (Kind::Map { key, value: held, flattened }, Value::Object(entries)) => {
            for (place, (name, item)) in entries.iter().enumerate() {
                let entry = if *flattened { String::new() } else { "entry.".to_owned() };
                let prefix = dotted(&format!("{entry}{}", place + 1));
                let key_name = key.wire_name.as_deref().unwrap_or("key");
                form.push((format!("{prefix}.{key_name}"), name.clone()));
                let value_name = held.wire_name.as_deref().unwrap_or("value");
                form_of(service, held.shape, &format!("{prefix}.{value_name}"), item, form);
            }
        }
        (_, value) => {
            let text =
                text::text_of(service, shape, Format::Iso8601, value).expect("a single value");
            form.push((prefix.to_owned(), text));
        }
    }
}

const JSON: &[&str] = &["stepfunctions", "sagemaker", "logs", "dynamodb", "events", "ecs"];
const QUERY: &[&str] = &["iam", "sts", "cloudwatch", "sns", "cloudformation"];
const REST: &[&str] = &["lambda", "batch", "sagemaker-runtime", "sagemaker-metrics", "apigateway"];

proptest! {
    #[test]
    fn json_comes_back_as_it_was(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let names: Vec<&str> = JSON.iter().chain(REST).copied().collect();
        let (service, operation) = operation(&names, &mut dice);
        for shape in [operation.input, operation.output].into_iter().flatten() {
            let given = value(service, shape, &mut dice, 4);
            for naming in [Naming::Member, Naming::Wire] {
                let text = json::encode(service, shape, naming, &given);
                let mut back: Value = serde_json::from_slice(&text).expect("is JSON");
                conform(service, shape, naming, &mut back).expect("fits");
                prop_assert_eq!(&back, &given);
            }
        }
    }

    #[test]
    fn forms_come_back_as_they_were(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let (service, operation) = operation(QUERY, &mut dice);
        let Some(shape) = operation.input else { return Ok(()) };
        let given = value(service, shape, &mut dice, 4);
        let mut form = Vec::new();
        form_of(service, shape, "", &given, &mut form);
        let escaped: Vec<String> = form
            .iter()
            .map(|(name, value)| {
                let escape = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
                format!("{}={}", escape(name), escape(value))
            })
            .collect();
        let form = query::form(escaped.join("&").as_bytes());
        let back = query::decode(service, operation, &form).expect("fits");
        // The members come in the model's order.
        let sorted = |value: &Value| serde_json::from_str::<std::collections::BTreeMap<String, Value>>(&value.to_string());
        prop_assert_eq!(sorted(&back).expect("an object"), sorted(&given).expect("an object"));
    }

    #[test]
    fn no_value_that_is_answered_makes_us_panic(seed in any::<u64>(), stray in "\\PC{0,20}") {
        let mut dice = Dice(seed);
        for (protocol, names) in [(Protocol::AwsJson, JSON), (Protocol::Query, QUERY), (Protocol::RestJson, REST)] {
            let (service, operation) = operation(names, &mut dice);
            let members = match operation.output {
                Some(shape) if dice.below(4) > 0 => value(service, shape, &mut dice, 3),
                _ => Value::from(stray.as_str()),
            };
            encode(protocol, service, operation, Output::from(members), &stray);
            let code = operation.errors.first().map_or(stray.clone(), |id| service.shape(*id).name.to_string());
            let error = services::Error::new(code, stray.as_str()).with(&stray, 1);
            let response = encode_error(protocol, Some(service), &error, &stray);
            prop_assert!(response.status().as_u16() >= 400);
        }
    }

    #[test]
    fn no_bytes_make_us_panic(seed in any::<u64>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut dice = Dice(seed);
        let (service, wanted) = operation(JSON, &mut dice);
        let _ = aws_json::decode(service, wanted, &bytes);
        let (service, wanted) = operation(QUERY, &mut dice);
        let _ = query::decode(service, wanted, &query::form(&bytes));
        let (service, wanted) = operation(REST, &mut dice);
        let mut headers = HeaderMap::new();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&bytes), HeaderValue::from_bytes(&bytes)) {
            headers.insert(name, value);
        }
        let path = String::from_utf8_lossy(&bytes).into_owned();
        let parameters = query::form(&bytes);
        let _ = rest_json::decode(service, wanted, &[], &parameters, &headers, &bytes);
        let _ = service.routes().find(service, "GET", &path, &parameters);
    }

    #[test]
    fn no_json_makes_us_panic(seed in any::<u64>(), other in any::<u64>()) {
        // A value of one shape, given for another: names and types that nearly fit.
        let (mut dice, mut others) = (Dice(seed), Dice(other));
        let (service, one) = operation(JSON, &mut dice);
        let another = &service.operations[others.below(service.operations.len() as u64) as usize];
        let (Some(one), Some(shape)) = (one.input, another.input) else { return Ok(()) };
        let given = value(service, one, &mut dice, 4).to_string();
        let decoded = aws_json::decode(service, another, given.as_bytes());
        if let Ok(Err(found)) = decoded.map(|members| validate(service, shape, &members)) {
            prop_assert!(found.to_string().contains("failed to satisfy constraint"));
        }
    }
}

#[test]
fn deep_forms_and_deep_json_are_bounded() {
    let service = models::service("iam").expect("is there");
    let operation = service.operation("CreateRole").expect("is there");
    let form = query::form(format!("Tags.{}=1", "member.1.".repeat(50_000)).as_bytes());
    assert!(query::decode(service, operation, &form).is_ok());
    let service = models::service("dynamodb").expect("is there");
    let operation = service.operation("PutItem").expect("is there");
    let deep = format!("{}1{}", r#"{"Item":{"a":{"L":["#.repeat(50_000), "]}}}".repeat(50_000));
    assert!(aws_json::decode(service, operation, deep.as_bytes()).is_err());
}
