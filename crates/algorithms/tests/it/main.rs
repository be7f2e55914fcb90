//! The crate from outside: hyperparameters as tables, and, where an XGBoost library is found, real training and
//! real serving. Without one those tests pass with a message that says what to install.

mod hyperparameters;
mod library;
mod parity;
mod serving;
mod training;
