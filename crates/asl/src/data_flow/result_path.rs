//! `ResultPath`: where in a state's input its result is put.

use serde_json::{Map, Value};

use crate::definition::{ResultPath, Segment};
use crate::expression::EvaluationError;

use super::reference_path::conflict;

impl ResultPath {
    /// The state's raw input with its result put where this path says. Members that are missing on
    /// the way are made; an element must exist.
    ///
    /// # Errors
    ///
    /// `States.ReferencePathConflict` when the path leads through something that is no container.
    pub fn place(&self, input: Value, result: Value) -> Result<Value, EvaluationError> {
        match self {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(input),
            ResultPath::At(segments) => {
                let mut root = input;
                match slot(&mut root, segments) {
                    Ok(place) => *place = result,
                    Err(segment) => return Err(conflict(&root, segments, segment)),
                }
                Ok(root)
            }
        }
    }
}

/// The place, or the step that could not be made.
fn slot<'v, 's>(
    root: &'v mut Value,
    segments: &'s [Segment],
) -> Result<&'v mut Value, &'s Segment> {
    let mut place = root;
    for segment in segments {
        let next = match segment {
            Segment::Name(name) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut().map(|all| all.entry(name.as_str()).or_insert(Value::Null))
            }
            Segment::Index(index) => place.as_array_mut().and_then(|all| all.get_mut(*index)),
        };
        place = next.ok_or(segment)?;
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(name: &str) -> Segment {
        Segment::Name(name.into())
    }

    #[test]
    fn a_result_is_placed() {
        let input = json!({"a": {"b": 1}, "list": [1, 2], "none": null, "text": "x"});
        let put =
            |segments: Vec<Segment>| ResultPath::At(segments).place(input.clone(), json!("R"));
        assert_eq!(put(vec![name("a"), name("b")]).unwrap()["a"]["b"], "R");
        assert_eq!(put(vec![name("new"), name("deep")]).unwrap()["new"]["deep"], "R");
        assert_eq!(put(vec![name("none"), name("deep")]).unwrap()["none"]["deep"], "R");
        assert_eq!(put(vec![name("list"), Segment::Index(1)]).unwrap()["list"], json!([1, "R"]));
        for bad in [
            vec![name("text"), name("b")],
            vec![name("list"), Segment::Index(2)],
            vec![name("a"), Segment::Index(0)],
        ] {
            assert_eq!(put(bad).unwrap_err().error, "States.ReferencePathConflict");
        }
        for (input, cause) in [
            (json!([1]), r#"Unable to apply step "a" to input [1]"#),
            (json!("x"), r#"Unable to apply ReferencePath $.a['b c'] to input "x""#),
            (json!({"a": 1}), r#"Unable to apply step "b c" to input {"a":1}"#),
        ] {
            let path = ResultPath::At(vec![name("a"), name("b c")]);
            assert_eq!(path.place(input, json!("R")).unwrap_err().cause, cause);
        }
        assert_eq!(ResultPath::Discard.place(json!(1), json!(2)).unwrap(), json!(1));
        assert_eq!(ResultPath::Whole.place(json!(1), json!(2)).unwrap(), json!(2));
    }
}
