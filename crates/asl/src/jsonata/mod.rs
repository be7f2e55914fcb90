//! AWS's dialect of JSONata.
