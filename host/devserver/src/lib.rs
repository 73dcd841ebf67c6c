//! Throw-away MySQL and MariaDB servers, for `rowmill demo` and for the tests.
//!
//! Each server lives in a temporary folder, listens on a free loopback port, has its own server
//! id, and ends with its [`Server`] value. A server never outlives the process that started it,
//! not even when that process is killed: a small shell holds the other end of a pipe and ends the
//! server when the pipe closes.
//!
//! The programs come from `tools/servers.sh`; this crate only finds them. It is not for servers
//! that hold anything of value: `root` has no password and commits are not forced to disk.

mod lent;
mod programs;
mod proxy;
mod scripts;
mod server;
mod session;
mod template;

pub use lent::Lent;
pub use programs::Kind;
pub use proxy::{Hang, Proxy};
pub use server::Server;
pub use session::Session;
