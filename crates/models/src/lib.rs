//! AWS's service models as data, and what can be asked of them: decode, validate, encode.
