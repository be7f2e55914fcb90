//! Amazon SageMaker Runtime: asking endpoints.

mod invoke_endpoint;

use crate::Service;
use crate::operation::Operation;

/// Amazon SageMaker Runtime.
pub static SERVICE: Service =
    Service { name: "sagemaker-runtime", operations: &[&INVOKE_ENDPOINT] };

const INVOKE_ENDPOINT: Operation = Operation {
    name: "InvokeEndpoint",
    call: |context, caller, input| {
        Box::pin(invoke_endpoint::invoke_endpoint(context, caller, input))
    },
};
