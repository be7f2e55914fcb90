//! `ResultPath`: where in a state's input its result is put.

use serde_json::{Map, Value};

use crate::definition::{ResultPath, Segment};
use crate::error_name;
use crate::expression::EvaluationError;

impl ResultPath {
    /// The state's raw input with its result put where this path says. Members that are missing on
    /// the way are made; an element must exist.
    ///
    /// # Errors
    ///
    /// `States.ResultPathMatchFailure` when the path leads through something that is no container.
    pub fn place(&self, input: Value, result: Value) -> Result<Value, EvaluationError> {
        match self {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(input),
            ResultPath::At(segments) => {
                let mut root = input;
                let mismatch = |root: &Value| EvaluationError {
                    error: error_name::RESULT_PATH_MATCH_FAILURE,
                    cause: format!(
                        "Unable to apply step \"{}\" to input {root}",
                        segments.last().map(step_text).unwrap_or_default()
                    ),
                    location: None,
                };
                let place = slot(&mut root, segments);
                match place {
                    Some(place) => *place = result,
                    None => return Err(mismatch(&root)),
                }
                Ok(root)
            }
        }
    }
}

fn slot<'v>(root: &'v mut Value, segments: &[Segment]) -> Option<&'v mut Value> {
    let mut place = root;
    for segment in segments {
        place = match segment {
            Segment::Name(name) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut()?.entry(name.as_str()).or_insert(Value::Null)
            }
            Segment::Index(index) => place.as_array_mut()?.get_mut(*index)?,
        };
    }
    Some(place)
}

fn step_text(segment: &Segment) -> String {
    match segment {
        Segment::Name(name) => name.clone(),
        Segment::Index(index) => index.to_string(),
    }
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
            assert_eq!(put(bad).unwrap_err().error, "States.ResultPathMatchFailure");
        }
        assert_eq!(ResultPath::Discard.place(json!(1), json!(2)).unwrap(), json!(1));
        assert_eq!(ResultPath::Whole.place(json!(1), json!(2)).unwrap(), json!(2));
    }
}
