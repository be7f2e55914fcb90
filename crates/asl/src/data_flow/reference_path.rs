//! Following a reference path, and what AWS says where it leads nowhere.

use serde_json::Value;

use crate::definition::Segment;
use crate::error_name;
use crate::expression::{EvaluationError, Path, Root, Scope};

/// What a reference path into the input leads to; other paths are evaluated as ever.
///
/// # Errors
///
/// `States.ReferencePathConflict` where it leads nowhere.
pub(crate) fn follow(path: &Path, scope: &Scope, field: &str) -> Result<Value, EvaluationError> {
    let Some(segments) = path.query().segments().filter(|_| *path.root() == Root::Input) else {
        return path.evaluate(scope, field);
    };
    let mut place = scope.input;
    for segment in &segments {
        place = match segment {
            Segment::Name(name) => place.get(name),
            Segment::Index(index) => place.get(index),
        }
        .ok_or_else(|| conflict(scope.input, &segments, segment))?;
    }
    Ok(place.clone())
}

/// A path into `root` that cannot be followed beyond `segment`. The texts are AWS's, and do not name the state.
pub(super) fn conflict(root: &Value, segments: &[Segment], segment: &Segment) -> EvaluationError {
    let cause = if root.is_object() || root.is_array() {
        format!("Unable to apply step \"{}\" to input {root}", step(segment))
    } else {
        format!("Unable to apply ReferencePath {} to input {root}", written(segments))
    };
    EvaluationError { error: error_name::REFERENCE_PATH_CONFLICT, cause, location: None }
}

fn step(segment: &Segment) -> String {
    match segment {
        Segment::Name(name) => name.clone(),
        Segment::Index(index) => index.to_string(),
    }
}

fn written(segments: &[Segment]) -> String {
    let mut path = "$".to_owned();
    for segment in segments {
        path += &match segment {
            Segment::Name(name) if crate::expression::is_variable_name(name) => format!(".{name}"),
            Segment::Name(name) => format!("['{name}']"),
            Segment::Index(index) => format!("[{index}]"),
        };
    }
    path
}
