//! Bounds of payloads and definitions as the model of our requests knows them.

use asl::Limits;
use models::validate::Lengths;

/// What a definition, an input, an output, an error, a cause and a state's name may measure in requests.
/// Only what is not AWS's is told; the model has the rest.
pub(crate) fn lengths(limits: &Limits) -> Lengths {
    let aws = Limits::default();
    let payload = (limits.payload_bytes_max, aws.payload_bytes_max);
    // An activity's input may be four times a payload, as at AWS.
    let activity = (4 * payload.0, 4 * payload.1);
    let state_name = (limits.state_name_characters_max, aws.state_name_characters_max);
    let mut lengths = Lengths::default();
    for (shape, (ours, theirs)) in [
        ("Definition", (limits.definition_bytes_max, aws.definition_bytes_max)),
        ("SensitiveData", payload),
        ("ConnectorParameters", payload),
        ("SensitiveDataJobInput", activity),
        ("SensitiveError", (limits.error_bytes_max, aws.error_bytes_max)),
        ("SensitiveCause", (limits.cause_bytes_max, aws.cause_bytes_max)),
        ("StateName", state_name),
        ("TestStateStateName", state_name),
    ] {
        if ours != theirs {
            lengths.set("stepfunctions", shape, ours);
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::validate::validate_within;
    use serde_json::json;

    #[test]
    fn every_shape_is_one_of_the_model() {
        let model = models::service("stepfunctions").expect("is there");
        let limits = Limits {
            definition_bytes_max: 1,
            payload_bytes_max: 1,
            error_bytes_max: 1,
            cause_bytes_max: 1,
            state_name_characters_max: 1,
            ..Limits::default()
        };
        let lengths = lengths(&limits);
        for name in lengths.shapes() {
            assert!(model.shape_named(name).is_some(), "{name}");
        }
        assert_eq!(lengths.shapes().count(), 8);
    }

    #[test]
    fn a_greater_payload_passes_and_a_smaller_one_is_refused_with_its_number() {
        let model = models::service("stepfunctions").expect("is there");
        let shape = model.operation("StartExecution").and_then(|start| start.input).expect("has");
        let check = |payload_bytes_max: usize, bytes: usize| {
            let input = json!({ "stateMachineArn": "arn", "input": "x".repeat(bytes) });
            let limits = Limits { payload_bytes_max, ..Limits::default() };
            validate_within(model, shape, &input, &lengths(&limits)).map_err(|e| e.to_string())
        };
        assert!(check(262_144, 262_145).is_err());
        assert_eq!(check(1_000_000, 262_145), Ok(()));
        let refused = check(10, 11).expect_err("is too long");
        assert!(refused.ends_with("less than or equal to 10"), "{refused}");
    }
}
