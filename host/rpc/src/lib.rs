//! The daemon as others know it: Transmission's RPC in both its dialects, over HTTP.
//!
//! Transmission's wire names stay inside this package. A request passes
//!
//! 1. [`Server`]: the open port, limits of connections and time;
//! 2. `http::gate`: who may ask, in the order that Transmission judges;
//! 3. `dialect`: legacy or JSON-RPC 2.0, one call or a batch;
//! 4. `calls`: one function a method, which asks [`daemon::Daemon`] and writes JSON straight into the answer.
//!
//! [`SettingsFile`] is `settings.json`: one table of names serves the file, `session-get` and `session-set`.

mod access;
mod args;
mod base64;
mod calls;
mod dialect;
mod error;
mod http;
mod identity;
mod json;
mod limits;
mod names;
mod pages;
mod server;
mod settings;
mod site;

pub use access::scope::{Scope, Token};
pub use calls::{BlocklistFault, BlocklistUpdate, Followed, Following};
pub use http::rules::HttpSettings;
pub use identity::VERSION;
pub use server::listen::Listener;
pub use server::tls::TlsError;
pub use server::{Server, ServerConfig};
pub use settings::{AllSettings, ProcessSettings, Saver, SettingsError, SettingsFile};
