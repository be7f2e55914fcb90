//! The 18 intrinsic functions, `States.*`.
