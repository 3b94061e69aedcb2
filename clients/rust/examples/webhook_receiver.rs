//! Prints what the webhooks of tallywire say:
//! `WEBHOOK_SECRETS=whsec_… cargo run --features axum,webhooks --example webhook_receiver`.
//!
//! While a secret is rotated, `WEBHOOK_SECRETS` has both, with a blank between. It listens on LISTEN, 127.0.0.1:8080
//! unless set.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing::post};
use tallywire::webhooks::Verifier;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::new(std::env::var("WEBHOOK_SECRETS")?.split(' '))?;
    let receiver = Router::new()
        .route("/hooks", post(receive))
        .with_state(Arc::new(verifier));
    let listener = TcpListener::bind(std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into())).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, receiver).await?;
    Ok(())
}

async fn receive(
    State(verifier): State<Arc<Verifier>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, (StatusCode, String)> {
    let event = verifier
        .verify(&headers, &body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    println!("{} {} {}", event.message_id, event.kind, event.data); // a real one drops ids that it has had
    Ok(StatusCode::NO_CONTENT)
}
