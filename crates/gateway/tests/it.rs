//! The port as clients meet it: a real listener, raw bytes, a scripted door behind it.

mod it {
    pub mod connections;
    pub mod script;
    pub mod tunnels;
    pub mod wire;
}
