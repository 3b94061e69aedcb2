//! The generated stubs without the client: `TALLYWIRE_API_KEY=… cargo run --example plain_stubs`.
//!
//! tonic takes no service config, so the program does itself what that would say, and what a client does besides: the
//! key with each call, a deadline for each attempt, a backoff with jitter that obeys RetryInfo, and the same event, with
//! the same id and a new `sent_at`, in each attempt.

use std::time::{Duration, SystemTime};

use tallywire::v1::event_service_client::EventServiceClient;
use tallywire::v1::metrics_service_client::MetricsServiceClient;
use tallywire::{events, v1};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

const ATTEMPTS: u32 = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::var("TALLYWIRE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:50051".into());
    let mut key: MetadataValue<Ascii> = format!("Bearer {}", std::env::var("TALLYWIRE_API_KEY")?).parse()?;
    key.set_sensitive(true);
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_lazy();

    let mut stub = EventServiceClient::new(channel.clone());
    let event = events::message_sent()
        .agent_id("support-bot")
        .response_time_ms(820)
        .build()?;
    let mut failures = 0;
    let stored = loop {
        let sent_at = Some(SystemTime::now().into());
        let request = v1::TrackEventRequest {
            event: Some(event.clone()),
            sent_at,
            ..Default::default()
        };
        match stub.track_event(prepared(request, &key, Duration::from_secs(10))).await {
            Ok(answer) => break answer.into_inner(),
            Err(status) => {
                let wait = wait(&status, failures)
                    .filter(|_| failures + 1 < ATTEMPTS)
                    .ok_or(status)?;
                tokio::time::sleep(wait).await;
                failures += 1;
            }
        }
    };
    println!("{:?}", stored.result.unwrap_or_default().status());

    let time_range = Some(v1::TimeRange::last(Duration::from_secs(86_400)));
    let request = v1::GetOverviewRequest {
        time_range,
        ..Default::default()
    };
    let answer = MetricsServiceClient::new(channel)
        .get_overview(prepared(request, &key, Duration::from_secs(30)))
        .await?;
    println!(
        "{:?} messages",
        answer.into_inner().overview.unwrap_or_default().total_messages
    );
    Ok(())
}

/// A request with its key and deadline.
fn prepared<T>(message: T, key: &MetadataValue<Ascii>, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", key.clone());
    request.set_timeout(timeout);
    request
}

/// The time until the next attempt with an event; None if the status is final.
fn wait(status: &Status, failures: u32) -> Option<Duration> {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let backoff = Duration::from_millis(100 * 2_u64.pow(failures.min(5))).mul_f64(0.5 + fastrand::f64() / 2.0);
    match status.code() {
        Code::ResourceExhausted => asked,
        // tonic reports its own deadline as CANCELLED, and a connection that is lost as UNKNOWN.
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => Some(asked.unwrap_or(backoff)),
        _ => None,
    }
}
