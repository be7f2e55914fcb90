//! Built-in SageMaker algorithms: files in, model out, predictions.
