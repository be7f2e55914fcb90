use serde_json::{Value, json};

use super::Call;
use crate::expression::{Budget, LazyContext, NoVariables, Scope};
use crate::{Moment, Timestamp};

fn evaluate(text: &str, input: &Value) -> Result<Value, (String, String)> {
    let call = Call::parse(text).map_err(|error| ("syntax".to_owned(), error))?;
    let make = || json!({"State": {"Name": "S"}});
    let context = LazyContext::new(&make);
    let scope = Scope {
        input,
        context: &context,
        variables: &NoVariables,
        result: None,
        error_output: None,
        moment: Moment { now: Timestamp(0), seed: 1 },
        budget: &Budget::default(),
    };
    call.evaluate(&scope, "x.$").map_err(|error| (error.error.to_owned(), error.cause))
}

#[test]
fn functions_give_what_aws_gives() {
    let input = json!({
        "a": [1, 2, 3, 3, 1.0], "s": "text", "n": 1.5, "o": {"x": 1, "y": [true, null]},
        "braces": "{}", "j": "{\"k\": [1]}", "empty": ""
    });
    for (call, expected) in [
        ("States.Format('Hello, {}.', $.s)", json!("Hello, text.")),
        ("States.Format('{} {} {}', $.n, $.o, null)", json!("1.5 {x=1, y=[true, null]} null")),
        (r"States.Format('\{{}\} \\ it\'s', 1)", json!("{1} \\ it's")),
        ("States.Format('{}', $.braces)", json!("{}")),
        ("States.Format('{}', 'a,b)c')", json!("a,b)c")),
        ("States.Format('none')", json!("none")),
        ("States.Format('{}', $$.State.Name)", json!("S")),
        ("States.StringToJson($.j)", json!({"k": [1]})),
        ("States.JsonToString($.o)", json!("{\"x\":1,\"y\":[true,null]}")),
        ("States.Array()", json!([])),
        (
            "States.Array(1, 'two', true, null, $.a)",
            json!([1, "two", true, null, [1, 2, 3, 3, 1.0]]),
        ),
        ("States.ArrayPartition($.a, 2)", json!([[1, 2], [3, 3], [1.0]])),
        ("States.ArrayPartition($.a, 2.4)", json!([[1, 2], [3, 3], [1.0]])),
        ("States.ArrayContains($.a, 3)", json!(true)),
        ("States.ArrayContains($.a, '3')", json!(false)),
        ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("States.ArrayRange(5, 1, -2)", json!([5, 3, 1])),
        ("States.ArrayRange(5, 1, 1)", json!([])),
        ("States.ArrayRange(1, 1, 7)", json!([1])),
        ("States.ArrayGetItem($.a, 1)", json!(2)),
        ("States.ArrayLength($.a)", json!(5)),
        ("States.ArrayLength($.a[?(@ > 2)])", json!(2)),
        ("States.ArrayUnique($.a)", json!([1, 2, 3, 1.0])),
        ("States.ArrayUnique(States.Array($.o, $.o))", json!([{"x": 1, "y": [true, null]}])),
        ("States.Base64Encode('Data to encode')", json!("RGF0YSB0byBlbmNvZGU=")),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!("Data to encode")),
        ("States.Hash('input data', 'SHA-1')", json!("aaff4a450a104cd177d28d18d74485e8cae074b7")),
        ("States.Hash('', 'MD5')", json!("d41d8cd98f00b204e9800998ecf8427e")),
        (
            "States.JsonMerge($.o, States.StringToJson('{\"x\": {\"z\": 2}}'), false)",
            json!({"x": {"z": 2}, "y": [true, null]}),
        ),
        ("States.MathAdd(111, -1)", json!(110)),
        ("States.MathAdd(-0.5, 0.5)", json!(1)),
        (
            "States.StringSplit('This.is+a,test=string', '.+,=')",
            json!(["This", "is", "a", "test", "string"]),
        ),
        ("States.StringSplit($.empty, ',')", json!([])),
        (
            "States.ArrayGetItem(States.StringSplit('a-b', '-'), States.MathAdd(States.ArrayLength(States.StringSplit('a-b', '-')), -1))",
            json!("b"),
        ),
        ("States.Format('{}', $['s'])", json!("text")),
        (" States.ArrayLength( $.a ) ", json!(5)),
    ] {
        assert_eq!(evaluate(call, &input), Ok(expected), "{call}");
    }
}

#[test]
fn failures_name_the_function() {
    let input = json!({"a": [1], "s": "text", "long": "x".repeat(10_001), "o": {}});
    for (call, error) in [
        ("States.ArrayGetItem($.a, 1)", "States.IntrinsicFailure"),
        ("States.ArrayGetItem($.a, -1)", "States.IntrinsicFailure"),
        ("States.ArrayLength($.s)", "States.IntrinsicFailure"),
        ("States.ArrayRange(1, 1001, 1)", "States.IntrinsicFailure|"),
        ("States.ArrayRange(1, 1000, 0)", "States.IntrinsicFailure"),
        (
            "States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)",
            "States.IntrinsicFailure",
        ),
        ("States.ArrayPartition($.a, 0)", "States.IntrinsicFailure"),
        ("States.Base64Encode($.long)", "States.IntrinsicFailure"),
        ("States.Base64Decode('*')", "States.IntrinsicFailure"),
        ("States.Hash($.s, 'sha-1')", "States.IntrinsicFailure"),
        ("States.StringToJson('{')", "States.IntrinsicFailure"),
        ("States.JsonMerge($.o, $.o, true)", "States.IntrinsicFailure"),
        ("States.JsonMerge($.o, $.s, false)", "States.IntrinsicFailure"),
        ("States.MathRandom(5, 5)", "States.IntrinsicFailure"),
        ("States.MathAdd(2147483647, 1)", "States.IntrinsicFailure"),
        ("States.Format('{} {}', 1)", "States.IntrinsicFailure"),
        ("States.Format('{}', 1, 2)", "States.IntrinsicFailure"),
        ("States.Format('{}', $.nothing)", "States.Runtime"),
        ("States.Nothing()", "syntax"),
        ("States.UUID(1)", "syntax"),
        ("States.Format('{}'", "syntax"),
        ("States.Format('{})", "syntax"),
        ("States.Format({}, 1)", "syntax"),
        (r"States.Format('\n')", "syntax"),
        ("States.ArrayLength($.a) ", "ok"),
        ("States.ArrayLength($.a)[0]", "syntax"),
    ] {
        let got = evaluate(call, &input);
        match error {
            "ok" => assert!(got.is_ok(), "{call}"),
            "States.IntrinsicFailure|" => {
                assert_eq!(got.map_err(|error| error.0), Err("States.IntrinsicFailure".into()))
            }
            error => assert_eq!(got.map_err(|error| error.0), Err(error.to_owned()), "{call}"),
        }
    }
    let deep = format!("{}1{}", "States.Array(".repeat(11), ")".repeat(11));
    assert_eq!(evaluate(&deep, &input).unwrap_err().0, "syntax");
    let (_, cause) = evaluate("States.Format('{}', $.nothing)", &json!({"a": 1})).unwrap_err();
    assert_eq!(
        cause,
        "The function 'States.Format('{}', $.nothing)' had the following error: The JsonPath argument for the field '$.nothing' could not be found in the input '{\"a\":1}'"
    );
}

#[test]
fn dice_are_thrown_and_replay() {
    let input = json!({});
    let random = evaluate("States.MathRandom(1, 999)", &input).unwrap();
    assert_eq!(evaluate("States.MathRandom(1, 999)", &input).unwrap(), random);
    assert!((1..999).contains(&random.as_i64().unwrap()));
    assert_eq!(evaluate("States.MathRandom(0, 100, 42)", &input), Ok(json!(72)));
    assert_eq!(evaluate("States.UUID()", &input).unwrap().as_str().unwrap().len(), 36);
    let two = evaluate("States.Array(States.UUID(), States.UUID())", &input).unwrap();
    assert_ne!(two[0], two[1]);
}
