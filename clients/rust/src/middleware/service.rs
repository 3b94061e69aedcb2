//! The service around a server's own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tonic::Code;
use tower_service::Service;

use super::Settings;
use super::body::ReportedBody;
use super::report::{Protocol, Report, http_status};

/// A service whose requests are reported; made by [`ApiCallLayer`](super::ApiCallLayer).
#[derive(Clone, Debug)]
pub struct ApiCallService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> ApiCallService<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, R> Service<Request<B>> for ApiCallService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
    R: Body,
{
    type Response = Response<ReportedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let report = Report::begin(&self.settings, &parts, body.size_hint().exact());
        let is_head = parts.method == Method::HEAD;
        ResponseFuture {
            inner: self.inner.call(Request::from_parts(parts, body)),
            report,
            is_head,
        }
    }
}

pin_project! {
    /// The response of an [`ApiCallService`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        report: Option<Report>,
        is_head: bool,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ReportedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(context));
        let mut report = this.report.take();
        match answer {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                if let Some(report) = &mut report {
                    answered(report, parts.status, &parts.headers);
                }
                let length = if *this.is_head { Some(0) } else { length(&parts.headers) };
                Ok(Response::from_parts(parts, ReportedBody::new(body, report, length))).into()
            }
            Err(error) => {
                if let Some(report) = &mut report {
                    report.fail();
                }
                Err(error).into()
            }
        }
    }
}

/// Enters what the head of a response says.
fn answered(report: &mut Report, status: StatusCode, headers: &HeaderMap) {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        // A WebSocket is no call.
        report.forget();
    }
    report.status = match report.protocol() {
        Protocol::Http => Some(status.as_u16()),
        Protocol::Grpc if status == StatusCode::NOT_FOUND => Some(http_status(Code::Unimplemented)),
        Protocol::Grpc if status != StatusCode::OK => Some(status.as_u16()),
        Protocol::Grpc => grpc_status(headers),
    };
    // A handler that has no such thing says so in words; a server that has no such method does not.
    if report.protocol() == Protocol::Grpc
        && report.status == Some(http_status(Code::Unimplemented))
        && !headers.contains_key("grpc-message")
    {
        report.is_unmatched();
    }
}

/// The status of gRPC, in the form of HTTP, if these headers or trailers have it.
pub(super) fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers
        .get("grpc-status")
        .map(|status| http_status(Code::from_bytes(status.as_bytes())))
}

/// How long the body of a response is, where its head says so.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
