//! A tower layer that sends an `api.called` event for each request of a server: axum, tonic, and whatever else is a
//! tower service.
//!
//! An event has the route's template, never the path, and nothing of bodies, queries or headers. A request is neither
//! slowed nor failed by it, whatever becomes of the events.
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # fn example(tracker: tallywire::Tracker) -> axum::Router {
//! use axum::{Router, routing::get};
//! use tallywire::EventContext;
//! use tallywire::middleware::ApiCallLayer;
//!
//! Router::new()
//!     .route("/orders/{id}", get(|| async { "an order" }))
//!     .layer(ApiCallLayer::http(tracker).who(|_request| EventContext::default().agent("shop-api")))
//! # }
//! ```

mod body;
mod patterns;
mod report;
mod service;

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use crate::context::EventContext;
use crate::tracker::Tracker;

pub use body::ReportedBody;
use patterns::Pattern;
use report::Protocol;
pub use service::{ApiCallService, ResponseFuture};

const HTTP_HEALTH: [&str; 5] = ["/health", "/healthz", "/livez", "/readyz", "/ping"];
const GRPC_HEALTH: [&str; 3] = ["/grpc.health.v1.Health/*", "/grpc.reflection.*", "/tallywire.v1.*"];

type Who = Arc<dyn Fn(&Parts) -> EventContext + Send + Sync>;
type Template = Arc<dyn Fn(&Parts) -> Option<String> + Send + Sync>;

/// The layer. With axum, add it by `Router::layer`, which knows the matched route, and not
/// around the whole router; with tonic, by `Server::builder().layer(…)`.
#[derive(Clone)]
#[must_use = "a layer does nothing until it is added"]
pub struct ApiCallLayer(Settings);

#[derive(Clone)]
pub(crate) struct Settings {
    tracker: Tracker,
    protocol: Protocol,
    who: Option<Who>,
    template: Option<Template>,
    exclude: Vec<Pattern>,
    sample_rate: f64,
}

impl ApiCallLayer {
    /// For a server of HTTP. The endpoint is the template of the route that axum has matched (feature `axum`), or what
    /// [`template`](Self::template) says; `(none)` where there is neither.
    pub fn http(tracker: Tracker) -> Self {
        Self::new(tracker, Protocol::Http, &HTTP_HEALTH)
    }

    /// For a server of gRPC. The endpoint is the full method; `(none)` for one that the server does not have.
    pub fn grpc(tracker: Tracker) -> Self {
        Self::new(tracker, Protocol::Grpc, &GRPC_HEALTH)
    }

    fn new(tracker: Tracker, protocol: Protocol, exclude: &[&str]) -> Self {
        Self(Settings {
            tracker,
            protocol,
            who: None,
            template: None,
            exclude: exclude.iter().map(|pattern| Pattern::new(pattern)).collect(),
            sample_rate: 1.0,
        })
    }

    /// Says who a request is about: agent, user, conversation and so on.
    pub fn who(mut self, who: impl Fn(&Parts) -> EventContext + Send + Sync + 'static) -> Self {
        self.0.who = Some(Arc::new(who));
        self
    }

    /// Says the template of a request's route, for servers other than axum: `/orders/{id}` and not `/orders/17`.
    pub fn template(mut self, template: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.0.template = Some(Arc::new(template));
        self
    }

    /// Leaves out the requests whose path matches one of these patterns, and no others: `*` is any text, and a slash at
    /// the end does not count. Health checks are left out unless this is called.
    pub fn exclude<P: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        self.0.exclude = patterns
            .into_iter()
            .map(|pattern| Pattern::new(pattern.as_ref()))
            .collect();
        self
    }

    /// Reports each request with this probability, from 0 to 1, and says so in the property `sample_rate`: counts and
    /// bytes are then the figure divided by it. All requests are reported unless this is called.
    pub fn sample_rate(mut self, sample_rate: f64) -> Self {
        self.0.sample_rate = sample_rate.clamp(0.0, 1.0);
        self
    }
}

impl<S> Layer<S> for ApiCallLayer {
    type Service = ApiCallService<S>;

    fn layer(&self, inner: S) -> ApiCallService<S> {
        ApiCallService::new(inner, Arc::new(self.0.clone()))
    }
}

impl fmt::Debug for ApiCallLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCallLayer")
            .field("protocol", &self.protocol)
            .field("exclude", &self.exclude)
            .field("sample_rate", &self.sample_rate)
            .finish_non_exhaustive()
    }
}
