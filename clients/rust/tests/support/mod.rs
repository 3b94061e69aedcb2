//! A server of gRPC that does what a test says, in the place of the service.
#![allow(dead_code, unreachable_pub)] // Each test uses a part of it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use tallywire::v1;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

pub type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;
type Handler = Arc<dyn Fn(String, Bytes) -> Answer + Send + Sync>;

/// A server and what has come to it.
pub struct Scripted {
    pub address: String,
    events: Arc<Mutex<Vec<v1::Event>>>,
    _server: Ended,
}

/// Ends a server when a test ends.
struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Scripted {
    /// A server that takes all events in.
    pub async fn start() -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&events);
        let handler: Handler = Arc::new(move |path, request| {
            let events = if path.ends_with("/TrackEvents") {
                v1::TrackEventsRequest::decode(request).unwrap().events
            } else {
                v1::TrackEventRequest::decode(request)
                    .unwrap()
                    .event
                    .into_iter()
                    .collect()
            };
            let results: Vec<_> = events.iter().map(accepted).collect();
            taken.lock().unwrap().extend(events);
            Box::pin(async move {
                Ok(if path.ends_with("/TrackEvents") {
                    v1::TrackEventsResponse {
                        results,
                        ..Default::default()
                    }
                    .encode_to_vec()
                    .into()
                } else {
                    let result = results.into_iter().next();
                    v1::TrackEventResponse {
                        result,
                        ..Default::default()
                    }
                    .encode_to_vec()
                    .into()
                })
            })
        });
        let (address, server) = serve(handler).await;
        Self {
            address,
            events,
            _server: server,
        }
    }

    /// The events that have come.
    pub fn events(&self) -> Vec<v1::Event> {
        self.events.lock().unwrap().clone()
    }
}

fn accepted(event: &v1::Event) -> v1::EventResult {
    let status = v1::EventStatus::Accepted as i32;
    v1::EventResult {
        event_id: event.event_id.clone(),
        status,
        ..Default::default()
    }
}

async fn serve(handler: Handler) -> (String, Ended) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = routes("/tallywire.v1.EventService/{method}", handler);
    let server = Server::builder()
        .add_routes(routes)
        .serve_with_incoming(TcpListenerStream::new(listener));
    (address, Ended(tokio::spawn(async move { server.await.unwrap() })))
}

/// The routes of a server whose unary methods are answered by a function of path and request.
pub fn routes(path: &str, handler: Handler) -> Routes {
    Routes::from(Router::new().route_service(path, Raw(handler)))
}

/// An address at which nobody listens.
pub fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Waits until something holds; a test that waits in vain fails.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Clone)]
struct Raw(Handler);

impl tower::Service<http::Request<axum::body::Body>> for Raw {
    type Response = http::Response<tonic::body::Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<axum::body::Body>) -> Self::Future {
        let (handler, path) = (Arc::clone(&self.0), request.uri().path().to_owned());
        let unary = Unary(handler, path);
        Box::pin(async move { Ok(tonic::server::Grpc::new(RawCodec).unary(unary, request).await) })
    }
}

struct Unary(Handler, String);

impl tonic::server::UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answer = (self.0)(self.1.clone(), request.into_inner());
        Box::pin(async move { answer.await.map(Response::new) })
    }
}

/// Messages as bytes.
#[derive(Clone, Copy)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
