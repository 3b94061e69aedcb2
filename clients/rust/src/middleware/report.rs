//! What is reported of one request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use http::Method;
use http::request::Parts;
use tonic::Code;

use super::Settings;
use crate::context::EventContext;
use crate::events;

const UNMATCHED: &str = "(none)";
/// What the service takes of an endpoint.
const MAX_ENDPOINT: usize = 256;
const FAILED: u16 = 500;
const HUNG_UP: u16 = 499;

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// A request that is under way; it is reported once, when it ends or is dropped.
#[derive(Debug)]
pub(super) struct Report {
    settings: Arc<Settings>,
    begun: Instant,
    endpoint: String,
    method: &'static str,
    who: EventContext,
    request_bytes: Option<u64>,
    pub(super) response_bytes: Option<u64>,
    /// The status of the response so far: the one that counts if the response ends well.
    pub(super) status: Option<u16>,
    is_over: bool,
}

impl Report {
    /// The report of a request that arrives; None if it is left out.
    pub(super) fn begin(settings: &Arc<Settings>, request: &Parts, request_bytes: Option<u64>) -> Option<Self> {
        let begun = Instant::now();
        if settings
            .exclude
            .iter()
            .any(|pattern| pattern.matches(request.uri.path()))
        {
            return None;
        }
        if settings.sample_rate < 1.0 && fastrand::f64() >= settings.sample_rate {
            return None;
        }
        let grpc = settings.protocol == Protocol::Grpc;
        Some(Self {
            begun,
            endpoint: if grpc {
                request.uri.path().to_owned()
            } else {
                template(settings, request)
            },
            method: if grpc { "GRPC" } else { method(&request.method) },
            who: guarded(|| settings.who.as_ref().map(|who| who(request))).unwrap_or_default(),
            request_bytes,
            response_bytes: None,
            status: None,
            is_over: false,
            settings: Arc::clone(settings),
        })
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.settings.protocol
    }

    /// A method that the server does not have.
    pub(super) fn is_unmatched(&mut self) {
        UNMATCHED.clone_into(&mut self.endpoint);
    }

    /// Reports that the response has ended well.
    pub(super) fn end(&mut self) {
        self.send(self.status.unwrap_or(FAILED));
    }

    /// Reports that the handler has failed, also in the middle of a response.
    pub(super) fn fail(&mut self) {
        self.send(FAILED);
    }

    /// Reports nothing.
    pub(super) fn forget(&mut self) {
        self.is_over = true;
    }

    fn send(&mut self, status: u16) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let milliseconds = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut event = events::api_called()
            .endpoint(cut(std::mem::take(&mut self.endpoint)))
            .method(self.method)
            .status_code(status.into())
            .latency_ms(milliseconds);
        if let Some(bytes) = self.request_bytes.and_then(|bytes| i64::try_from(bytes).ok()) {
            event = event.request_bytes(bytes);
        }
        if let Some(bytes) = self.response_bytes.and_then(|bytes| i64::try_from(bytes).ok()) {
            event = event.response_bytes(bytes);
        }
        if self.settings.sample_rate < 1.0 {
            event = event.property("sample_rate", self.settings.sample_rate);
        }
        self.settings.tracker.within(std::mem::take(&mut self.who)).track(event);
    }
}

impl Drop for Report {
    /// A request that is dropped before its end has failed by a panic, or its peer has hung up.
    fn drop(&mut self) {
        self.send(if std::thread::panicking() { FAILED } else { HUNG_UP });
    }
}

fn template(settings: &Settings, request: &Parts) -> String {
    let said = guarded(|| settings.template.as_ref().and_then(|template| template(request)));
    #[cfg(feature = "axum")]
    let said = said.or_else(|| {
        let matched = request.extensions.get::<axum::extract::MatchedPath>();
        matched.map(|matched| matched.as_str().to_owned())
    });
    said.unwrap_or_else(|| UNMATCHED.to_owned())
}

/// What a function of the application says; None if it panics.
fn guarded<T>(ask: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(ask)).ok().flatten()
}

fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 10] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("(other)")
}

fn cut(mut endpoint: String) -> String {
    let end = (0..=MAX_ENDPOINT)
        .rev()
        .find(|end| endpoint.is_char_boundary(*end))
        .unwrap_or_default();
    if endpoint.len() > MAX_ENDPOINT {
        endpoint.truncate(end);
    }
    endpoint
}

/// The status of HTTP that says the same as one of gRPC.
pub(super) fn http_status(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::Cancelled => 499,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => 400,
        Code::DeadlineExceeded => 504,
        Code::NotFound => 404,
        Code::AlreadyExists | Code::Aborted => 409,
        Code::PermissionDenied => 403,
        Code::Unauthenticated => 401,
        Code::ResourceExhausted => 429,
        Code::Unimplemented => 501,
        Code::Unavailable => 503,
        Code::Unknown | Code::Internal | Code::DataLoss => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::ApiCallLayer;

    /// What middleware of all languages is held to.
    fn cases() -> serde_json::Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/middleware.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn parts(path: &str) -> Parts {
        http::Request::get(path).body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn what_is_left_out_is_that_of_every_client() {
        let tracker = crate::Tracker::builder("127.0.0.1:1", "key").build().unwrap();
        for case in cases()["left_out"].as_array().unwrap() {
            let layer = match case["protocol"].as_str().unwrap() {
                "http" => ApiCallLayer::http(tracker.clone()),
                _ => ApiCallLayer::grpc(tracker.clone()),
            };
            let layer = match case["exclude"].as_array() {
                Some(patterns) => layer.exclude(patterns.iter().filter_map(serde_json::Value::as_str)),
                None => layer,
            };
            let settings = Arc::new(layer.0);
            let mut report = Report::begin(&settings, &parts(case["path"].as_str().unwrap()), None);
            assert_eq!(report.is_none(), case["left_out"].as_bool().unwrap(), "{case}");
            report.iter_mut().for_each(Report::forget);
        }
        tracker.close(std::time::Duration::ZERO).await;
    }

    #[test]
    fn methods_endpoints_and_statuses_are_those_of_every_client() {
        let cases = cases();
        for (name, wanted) in cases["methods"].as_object().unwrap() {
            assert_eq!(
                method(&Method::from_bytes(name.as_bytes()).unwrap()),
                wanted.as_str().unwrap()
            );
        }
        for case in cases["endpoints"].as_array().unwrap() {
            let repeated = usize::try_from(case["repeated"].as_u64().unwrap()).unwrap();
            let whole = case["template"].as_str().unwrap().repeat(repeated);
            let endpoint = cut(whole.clone());
            assert_eq!(endpoint.len() as u64, case["endpoint_bytes"].as_u64().unwrap());
            assert!(whole.starts_with(&endpoint));
        }
        for number in 0..=16 {
            let code = Code::from_i32(number);
            let wanted = &cases["statuses"][crate::status::name(code)];
            assert_eq!(u64::from(http_status(code)), wanted.as_u64().unwrap(), "{code:?}");
        }
    }

    #[test]
    fn endpoints_are_cut_between_characters() {
        assert_eq!(cut("é".repeat(200)), "é".repeat(128));
        assert_eq!(cut(format!("x{}", "é".repeat(200))).len(), 255);
        assert_eq!(cut("/orders/{id}".into()), "/orders/{id}");
    }

    #[test]
    fn invented_methods_are_one() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"BREW").unwrap()), "(other)");
    }
}
