//! The layer around real servers of axum and tonic.
#![cfg(feature = "axum")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::StatusCode;
use prost::bytes::Bytes;
use support::{RawCodec, Scripted, nowhere, until};
use tallywire::middleware::ApiCallLayer;
use tallywire::{EventContext, Tracker, v1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Status};

fn tracker(address: &str) -> Tracker {
    Tracker::builder(address, "key")
        .flush_interval(Duration::from_millis(5))
        .build()
        .unwrap()
}

async fn broken() -> &'static str {
    panic!("as the test wants it")
}

fn shop() -> Router {
    let orders = Router::new()
        .route(
            "/orders/{id}",
            get(|| async { "an order" }).delete(|| async { StatusCode::FORBIDDEN }),
        )
        .route(
            "/orders",
            post(|body: Bytes| async move { (StatusCode::CREATED, body) }),
        );
    Router::new()
        .nest("/shops/{shop}", orders)
        .route("/broken", get(broken))
        .route("/slow", get(|| async { std::future::pending::<()>().await }))
        .route(
            "/torn",
            get(|| async { Body::from_stream(tokio_stream::iter([Ok("half"), Err("torn")])) }),
        )
        .route("/health", get(|| async { "well" }))
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn ask(address: SocketAddr, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A handler that panics tears its connection.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn api(event: &v1::Event) -> (String, String, i32) {
    let Some(v1::event::Detail::Api(detail)) = &event.detail else {
        panic!("{event:?}")
    };
    assert!(detail.latency_ms.is_some());
    (
        detail.endpoint.clone().unwrap(),
        detail.method.clone().unwrap(),
        detail.status_code.unwrap(),
    )
}

/// What is reported of some requests, one after the other.
async fn reported(requests: &[(&str, &str)]) -> Vec<v1::Event> {
    let service = Scripted::start().await;
    let layer = ApiCallLayer::http(tracker(&service.address)).who(|request| {
        assert!(!request.uri.path().contains("42"), "an application's function may fail");
        EventContext::default().agent("shop-api").user("u1")
    });
    let address = serve(shop().layer(layer)).await;
    for (request, body) in requests {
        ask(address, request, body).await;
    }
    until("all are reported", || service.events().len() >= requests.len()).await;
    service.events()
}

#[tokio::test]
async fn routes_are_reported_by_their_templates() {
    let requests = [
        ("GET /shops/north/orders/no-17?secret=1", ""),
        ("DELETE /shops/north/orders/no-17", ""),
        ("POST /shops/north/orders", "tea"),
        ("GET /nothing/here", ""),
        ("BREW /shops/north/orders/no-17", ""),
        ("HEAD /shops/north/orders/no-17", ""),
        ("GET /shops/north/orders/42", ""),
    ];
    let events = reported(&requests).await;
    let found: Vec<_> = events.iter().map(api).collect();
    let (one, many) = (
        "/shops/{shop}/orders/{id}".to_owned(),
        "/shops/{shop}/orders".to_owned(),
    );
    let expected = [
        (one.clone(), "GET".to_owned(), 200),
        (one.clone(), "DELETE".to_owned(), 403),
        (many, "POST".to_owned(), 201),
        ("(none)".to_owned(), "GET".to_owned(), 404),
        (one.clone(), "(other)".to_owned(), 405),
        (one.clone(), "HEAD".to_owned(), 200),
        (one, "GET".to_owned(), 200),
    ];
    assert_eq!(found, expected);
    assert!(
        events.iter().all(|event| !format!("{event:?}").contains("no-17")),
        "no path, no query"
    );
    let Some(v1::event::Detail::Api(order)) = &events[2].detail else {
        panic!()
    };
    assert_eq!((order.request_bytes, order.response_bytes), (Some(3), Some(3)));
    assert_eq!(
        (events[0].agent_id.as_str(), events[0].user_id.as_str()),
        ("shop-api", "u1")
    );
    assert_eq!(
        events[6].agent_id, "",
        "a function that fails leaves the call without a user"
    );
}

#[tokio::test]
async fn handlers_that_fail_and_peers_that_hang_up_are_reported() {
    let service = Scripted::start().await;
    let address = serve(shop().layer(ApiCallLayer::http(tracker(&service.address)))).await;
    ask(address, "GET /broken", "").await;
    ask(address, "GET /torn", "").await;
    until("both are reported", || service.events().len() == 2).await;
    let mut peer = TcpStream::connect(address).await.unwrap();
    peer.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    peer.shutdown().await.unwrap();
    drop(peer);
    until("the third is reported", || service.events().len() == 3).await;
    let found: Vec<_> = service
        .events()
        .iter()
        .map(api)
        .map(|(endpoint, _, status)| (endpoint, status))
        .collect();
    assert_eq!(
        found,
        [
            ("/broken".to_owned(), 500),
            ("/torn".to_owned(), 500),
            ("/slow".to_owned(), 499)
        ]
    );
}

#[tokio::test]
async fn health_checks_are_left_out_and_samples_say_so() {
    let service = Scripted::start().await;
    let tracker = tracker(&service.address);
    let everything = serve(shop().layer(ApiCallLayer::http(tracker.clone()))).await;
    let nothing = serve(shop().layer(ApiCallLayer::http(tracker.clone()).sample_rate(0.0))).await;
    let rare = serve(shop().layer(ApiCallLayer::http(tracker.clone()).sample_rate(1.0 - f64::EPSILON))).await;
    let internal = serve(shop().layer(ApiCallLayer::http(tracker.clone()).exclude(["/shops/*"]))).await;
    assert!(ask(everything, "GET /health", "").await.ends_with("well"));
    ask(nothing, "GET /shops/a/orders/1", "").await;
    ask(internal, "GET /shops/a/orders/1", "").await;
    ask(rare, "GET /shops/a/orders/1", "").await;
    until("one is reported", || !service.events().is_empty()).await;
    assert!(tracker.close(Duration::from_secs(30)).await);
    let events = service.events();
    assert_eq!(events.len(), 1);
    assert!(
        events[0]
            .properties
            .as_ref()
            .unwrap()
            .fields
            .contains_key("sample_rate")
    );
}

#[tokio::test]
async fn answers_are_the_same_when_the_service_is_away() {
    let away = tracker(&nowhere().to_string());
    let (plain, layered) = (
        serve(shop()).await,
        serve(shop().layer(ApiCallLayer::http(away.clone()))).await,
    );
    let without_date = |answer: String| {
        answer
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    for request in [
        "GET /shops/a/orders/1",
        "HEAD /shops/a/orders/1",
        "GET /nothing",
        "GET /broken",
        "GET /torn",
    ] {
        let (expected, found) = (ask(plain, request, "").await, ask(layered, request, "").await);
        assert_eq!(without_date(found), without_date(expected), "{request}");
    }
    until("all are tracked", || away.stats().pending == 5).await;
    away.close(Duration::ZERO).await;
    assert!(
        ask(layered, "GET /shops/a/orders/1", "").await.ends_with("an order"),
        "also when it is closed"
    );
}

#[tokio::test]
async fn methods_of_tonic_are_reported_with_their_status() {
    let service = Scripted::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = support::routes(
        "/shop.v1.Shop/{method}",
        Arc::new(|path, request: Bytes| {
            Box::pin(async move {
                match path.rsplit('/').next() {
                    Some("Buy") => Ok(request),
                    Some("Sell") => Err(Status::permission_denied("not you")),
                    Some("Rent") => Err(Status::unimplemented("not yet")),
                    // As generated code answers for a method that it does not have.
                    _ => Err(Status::unimplemented("")),
                }
            })
        }),
    );
    let server = Server::builder()
        .layer(ApiCallLayer::grpc(tracker(&service.address)))
        .add_routes(routes);
    tokio::spawn(async move {
        server
            .serve_with_incoming(TcpListenerStream::new(listener))
            .await
            .unwrap();
    });
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut codes = Vec::new();
    for path in [
        "/shop.v1.Shop/Buy",
        "/shop.v1.Shop/Sell",
        "/shop.v1.Shop/Rent",
        "/shop.v1.Shop/X",
        "/shop.v1.Other/Buy",
    ] {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let answer = grpc
            .unary(tonic::Request::new(Bytes::from("tea")), path.parse().unwrap(), RawCodec)
            .await;
        codes.push(answer.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    assert_eq!(
        codes,
        [
            Code::Ok,
            Code::PermissionDenied,
            Code::Unimplemented,
            Code::Unimplemented,
            Code::Unimplemented
        ]
    );
    until("all are reported", || service.events().len() == 5).await;
    let found: Vec<_> = service.events().iter().map(api).collect();
    let expected = [
        ("/shop.v1.Shop/Buy", 200),
        ("/shop.v1.Shop/Sell", 403),
        ("/shop.v1.Shop/Rent", 501),
        ("(none)", 501),
        ("(none)", 501),
    ];
    assert_eq!(
        found,
        expected.map(|(endpoint, status)| (endpoint.to_owned(), "GRPC".to_owned(), status))
    );
}
