//! The port as clients meet it: a real listener, raw bytes, a scripted door behind it.

mod it {
    pub mod boto3;
    pub mod connections;
    pub mod script;
    pub mod tunnels;
    pub mod wire;
}
