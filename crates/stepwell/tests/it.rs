//! The program as its users start it: commands, exit statuses, what is printed where.

mod it {
    mod backpressure;
    mod bench;
    mod commands;
    mod configuration;
    mod observe;
    mod server;
}
