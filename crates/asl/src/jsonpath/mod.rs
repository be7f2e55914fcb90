//! JSONPath as AWS has it: Jayway semantics.
