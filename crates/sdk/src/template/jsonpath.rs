//! Making single parameters of a step dynamic.

use serde_json::Value;

use crate::steps::BuildError;

/// Gives `parameters` with some members replaced by paths: `paths` has the same shape, and where it has a
/// member whose name ends in `.$`, that member stands in place of the one without.
///
/// ```
/// use serde_json::json;
/// use stepwell_sdk::template::replace_parameters_with_jsonpath;
///
/// let parameters = json!({ "ResourceConfig": { "InstanceCount": 1, "InstanceType": "ml.m4.xlarge" } });
/// let paths = json!({ "ResourceConfig": { "InstanceType.$": "$$.Execution.Input['Machine']" } });
/// assert_eq!(
///     replace_parameters_with_jsonpath(&parameters, &paths)?,
///     json!({ "ResourceConfig": { "InstanceCount": 1, "InstanceType.$": "$$.Execution.Input['Machine']" } })
/// );
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
///
/// # Errors
/// [`BuildError::UnknownParameter`] when there is nothing to replace.
pub fn replace_parameters_with_jsonpath(
    parameters: &Value,
    paths: &Value,
) -> Result<Value, BuildError> {
    let mut replaced = parameters.clone();
    replace(&mut replaced, paths, "")?;
    Ok(replaced)
}

fn replace(parameters: &mut Value, paths: &Value, prefix: &str) -> Result<(), BuildError> {
    for (name, path) in paths.as_object().into_iter().flatten() {
        let plain = name.strip_suffix(".$").unwrap_or(name);
        let place = if prefix.is_empty() { plain.to_owned() } else { format!("{prefix}.{plain}") };
        let unknown = || BuildError::UnknownParameter { parameter: place.clone() };
        let members = parameters.as_object_mut().ok_or_else(unknown)?;
        if name.ends_with(".$") {
            members.shift_remove(plain).ok_or_else(unknown)?;
            members.insert(name.clone(), path.clone());
        } else {
            replace(members.get_mut(name).ok_or_else(unknown)?, path, &place)?;
        }
    }
    Ok(())
}
