#![doc = include_str!("../README.md")]

mod address;
pub mod answers;
mod batch;
mod call;
mod client;
mod connection;
mod connector;
mod context;
mod error;
mod event_stream;
pub mod events;
#[cfg(feature = "tower")]
pub mod middleware;
mod pacing;
mod paging;
mod properties;
pub mod realtime;
mod retry;
mod server_stream;
mod status;
mod time;
pub mod tracker;
#[cfg(feature = "webhooks")]
pub mod webhooks;

#[path = "generated/methods.rs"]
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
mod methods;

/// The messages of the contract, and the stubs that tonic makes of it for those who want no client.
///
/// A field that the contract calls optional is an `Option`: a figure that cannot be computed is `None`, never 0.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod v1 {
    include!("generated/tallywire.v1.rs");
}

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How the user agent of every call begins.
pub const USER_AGENT: &str = connection::USER_AGENT;

pub use address::IntoAddresses;
pub use client::{Client, ClientBuilder};
pub use context::{EventContext, Scoped};
pub use error::{Error, ErrorKind, Result, RetryAfter};
pub use event_stream::EventStream;
pub use events::IntoEvent;
pub use paging::Rows;
pub use properties::Property;
pub use realtime::{Updates, Watch};
pub use server_stream::ServerStream;
pub use time::{TimestampExt, ToTimestamp};
pub use tonic::Code;
pub use tracker::{Stats, Tracker, TrackerBuilder};
