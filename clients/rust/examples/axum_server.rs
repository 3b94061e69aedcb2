//! A server of axum that reports its calls: `TALLYWIRE_API_KEY=… cargo run --features axum --example axum_server`.
//!
//! It listens on LISTEN, 127.0.0.1:8080 unless set, and ends in order after Ctrl-C.

use std::time::Duration;

use axum::extract::Path;
use axum::{Router, routing::get};
use tallywire::middleware::ApiCallLayer;
use tallywire::{EventContext, Tracker};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::var("TALLYWIRE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:50051".into());
    let tracker = Tracker::new(&address, std::env::var("TALLYWIRE_API_KEY")?)?;

    let layer = ApiCallLayer::http(tracker.clone()).who(|_request| EventContext::default().agent("shop-api"));
    let shop = Router::new()
        .route(
            "/orders/{id}",
            get(|Path(id): Path<String>| async move { format!("order {id}") }),
        )
        .layer(layer);

    let listener = TcpListener::bind(std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into())).await?;
    println!("http://{}", listener.local_addr()?);
    let ctrl_c = async {
        // An error says that there is no such signal here: then it runs until it is ended otherwise.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, shop).with_graceful_shutdown(ctrl_c).await?;
    tracker.close(Duration::from_secs(5)).await;
    Ok(())
}
