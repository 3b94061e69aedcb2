//! What the driver has opened, and what it can do with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tallywire::{Client, ClientBuilder, EventStream, IntoAddresses as _, Tracker, Updates, Watch, events, v1};
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::calls::{self, Failure, json_of, message};
use crate::dispatch;

type Named<T> = Mutex<HashMap<String, T>>;
type Outcome = Result<Value, Failure>;

/// What the driver has opened, by the names that it chose.
#[derive(Default)]
pub(crate) struct Testee {
    clients: Named<Client>,
    trackers: Named<Tracker>,
    streams: Named<Stream>,
    /// What fills streams of events.
    sources: Named<mpsc::UnboundedSender<Vec<v1::Event>>>,
}

/// A subscription, and whether it was closed.
#[derive(Clone)]
struct Stream {
    subscription: Arc<AsyncMutex<Subscription>>,
    closed: watch::Sender<bool>,
}

enum Subscription {
    Watch(Watch),
    Updates(Updates),
    Events(EventStream),
}

impl Subscription {
    async fn next(&mut self) -> Option<Outcome> {
        match self {
            Self::Watch(states) => states
                .next()
                .await
                .map(|state| json_of("WatchMetricsResponse", &state?)),
            Self::Updates(updates) => updates
                .next()
                .await
                .map(|update| json_of("WatchUpdatesResponse", &update?)),
            Self::Events(acks) => acks.next().await.map(|ack| json_of("StreamAck", &ack?)),
        }
    }
}

impl Testee {
    /// Does a command.
    pub(crate) async fn execute(&self, command: &Value) -> Outcome {
        match command["do"].as_str().unwrap_or_default() {
            "info" => Ok(json!({
                "language": "rust", "version": tallywire::VERSION, "user_agent": tallywire::USER_AGENT,
            })),
            "open" => {
                let client = options(command)?.build()?;
                insert(&self.clients, name(command, "client")?, client);
                Ok(json!({}))
            }
            "close" => {
                self.client(command)?.close();
                Ok(json!({}))
            }
            "describe" => Ok(json!({ "text": format!("{:?}", self.client(command)?) })),
            "call" => {
                let method = name(command, "method")?;
                let request = calls::bytes_of(&calls::request_of(method)?, &command["request"])?;
                Box::pin(dispatch::call(&self.client(command)?, method, &request)).await
            }
            "pages" => {
                let method = name(command, "method")?;
                let request = calls::bytes_of(&calls::request_of(method)?, &command["request"])?;
                Box::pin(dispatch::pages(&self.client(command)?, method, &request)).await
            }
            "build" => {
                let event_type = name(command, "event_type")?;
                let event = dispatch::build(event_type, &object(command, "fields"), &object(command, "properties"))?;
                Ok(json!({ "event": json_of("Event", &event)? }))
            }
            "track" => self.track(command).await,
            "load" => Box::pin(load(self.client(command)?, command)).await,
            "stream_open" | "stream_send" | "stream_end" | "stream_next" | "stream_close" => self.stream(command).await,
            tracker if tracker.starts_with("tracker_") => self.tracker(command).await,
            other => Err(Failure::Unsupported(format!("no command {other:?}"))),
        }
    }

    /// Closes what is open.
    pub(crate) async fn close_all(&self) {
        all(&self.sources).clear();
        all(&self.streams).clear();
        let clients: Vec<Client> = all(&self.clients).drain().map(|(_, client)| client).collect();
        clients.iter().for_each(Client::close);
        let trackers: Vec<Tracker> = all(&self.trackers).drain().map(|(_, tracker)| tracker).collect();
        for tracker in trackers {
            tracker.close(Duration::ZERO).await;
        }
    }

    /// The client of a command, with the command's timeout.
    fn client(&self, command: &Value) -> Result<Client, Failure> {
        let client = get(&self.clients, name(command, "client")?)?;
        Ok(milliseconds(command, "timeout_ms").map_or(client.clone(), |timeout| client.with_timeout(timeout)))
    }

    async fn track(&self, command: &Value) -> Outcome {
        let client = self.client(command)?;
        let mut events = events_of(command)?;
        let results = if command["single"] == true {
            vec![client.track(events.swap_remove(0)).await?]
        } else {
            client.track_batch(events).await?
        };
        let results = results
            .iter()
            .map(|result| json_of("EventResult", result))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "results": results }))
    }

    async fn tracker(&self, command: &Value) -> Outcome {
        let tracker = name(command, "tracker")?;
        let timeout = milliseconds(command, "timeout_ms").unwrap_or_default();
        match command["do"].as_str().unwrap_or_default() {
            "tracker_open" => {
                let mut builder = options(command)?.tracker();
                if let Some(number) = size(command, "max_events") {
                    builder = builder.max_events(number);
                }
                if let Some(number) = size(command, "max_bytes") {
                    builder = builder.max_bytes(number);
                }
                if let Some(number) = size(command, "batch_size") {
                    builder = builder.batch_size(number);
                }
                if let Some(time) = milliseconds(command, "flush_interval_ms") {
                    builder = builder.flush_interval(time);
                }
                if let Some(time) = milliseconds(command, "retry_for_ms") {
                    builder = builder.retry_for(time);
                }
                insert(&self.trackers, tracker, builder.build()?);
                Ok(json!({}))
            }
            "tracker_track" => {
                let tracker = get(&self.trackers, tracker)?;
                let taken: Vec<bool> = events_of(command)?
                    .into_iter()
                    .map(|event| tracker.track(event))
                    .collect();
                Ok(json!({ "taken": taken }))
            }
            "tracker_flush" => Ok(json!({ "settled": get(&self.trackers, tracker)?.flush(timeout).await })),
            "tracker_close" => Ok(json!({ "settled": get(&self.trackers, tracker)?.close(timeout).await })),
            "tracker_stats" => {
                let stats = get(&self.trackers, tracker)?.stats();
                Ok(json!({
                    "sent": stats.sent, "duplicates": stats.duplicates, "rejected": stats.rejected,
                    "invalid": stats.invalid, "dropped": stats.dropped, "failed": stats.failed,
                    "pending": stats.pending,
                }))
            }
            other => Err(Failure::Unsupported(format!("no command {other:?}"))),
        }
    }

    async fn stream(&self, command: &Value) -> Outcome {
        let stream = name(command, "stream")?;
        match command["do"].as_str().unwrap_or_default() {
            "stream_open" => {
                let subscription = Arc::new(AsyncMutex::new(self.subscription(command)?));
                insert(
                    &self.streams,
                    stream,
                    Stream {
                        subscription,
                        closed: watch::Sender::new(false),
                    },
                );
                Ok(json!({}))
            }
            "stream_send" => {
                // Fails once the stream has ended, which its reader hears of.
                let _ = get(&self.sources, stream)?.send(events_of(command)?);
                Ok(json!({}))
            }
            "stream_end" => {
                all(&self.sources).remove(stream);
                Ok(json!({}))
            }
            "stream_close" => {
                all(&self.sources).remove(stream);
                if let Some(stream) = all(&self.streams).remove(stream) {
                    stream.closed.send_replace(true);
                }
                Ok(json!({}))
            }
            _ => {
                next_of(
                    get(&self.streams, stream)?,
                    milliseconds(command, "timeout_ms").unwrap_or_default(),
                )
                .await
            }
        }
    }

    fn subscription(&self, command: &Value) -> Result<Subscription, Failure> {
        let client = self.client(command)?;
        let silence = milliseconds(command, "silence_ms");
        if command["kind"] == "events" {
            let (source, batches) = mpsc::unbounded_channel();
            insert(&self.sources, name(command, "stream")?, source);
            let mut acks = client.stream_events(UnboundedReceiverStream::new(batches));
            if let Some(batches) = size(command, "max_unacked") {
                acks = acks.max_unacked(batches);
            }
            if let Some(time) = milliseconds(command, "retry_for_ms") {
                acks = acks.retry_for(time);
            }
            return Ok(Subscription::Events(acks));
        }
        Ok(if command["kind"] == "watch" {
            let request: v1::WatchMetricsRequest = message("WatchMetricsRequest", &command["request"])?;
            let states = client.watch(request).heartbeats(command["heartbeats"] == true);
            Subscription::Watch(match silence {
                Some(silence) => states.silence(silence),
                None => states,
            })
        } else {
            let request: v1::WatchUpdatesRequest = message("WatchUpdatesRequest", &command["request"])?;
            let updates = client.updates(request).bookmarks(command["bookmarks"] == true);
            Subscription::Updates(match silence {
                Some(silence) => updates.silence(silence),
                None => updates,
            })
        })
    }
}

/// Sends events as fast as it goes, and tells how many were sent.
async fn load(client: Client, command: &Value) -> Outcome {
    let end = Instant::now() + Duration::from_secs_f64(command["seconds"].as_f64().unwrap_or_default());
    let batch = size(command, "batch").unwrap_or(1);
    let mut senders = JoinSet::new();
    for _ in 0..size(command, "under_way").unwrap_or(1) {
        let client = client.clone();
        senders.spawn(async move {
            let (mut calls, mut failed) = (0_u64, 0_u64);
            while Instant::now() < end {
                let events = (0..batch).map(|_| events::message_sent());
                let sent = if batch == 1 {
                    client.track(events::message_sent()).await.is_ok()
                } else {
                    client.track_batch(events).await.is_ok()
                };
                calls += 1;
                failed += u64::from(!sent);
            }
            (calls, failed)
        });
    }
    let outcomes = senders.join_all().await;
    let calls: u64 = outcomes.iter().map(|(calls, _)| calls).sum();
    let failed: u64 = outcomes.iter().map(|(_, failed)| failed).sum();
    Ok(json!({ "calls": calls, "events": (calls - failed) * batch as u64, "failed": failed }))
}

/// The next message of a stream; one that was given up loses nothing.
async fn next_of(stream: Stream, timeout: Duration) -> Outcome {
    let mut closed = stream.closed.subscribe();
    let next = async { stream.subscription.lock().await.next().await };
    let next = tokio::select! {
        next = tokio::time::timeout(timeout, next) => next,
        _ = closed.wait_for(|closed| *closed) => Ok(None),
    };
    match next {
        Ok(Some(update)) => Ok(json!({ "update": update? })),
        Ok(None) => Ok(json!({ "end": true })),
        Err(_) => Ok(json!({ "timeout": true })),
    }
}

/// How the client or tracker of a command reaches the service.
fn options(command: &Value) -> Result<ClientBuilder, Failure> {
    let addresses: Vec<&str> = command["addresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut builder = Client::builder(addresses.into_addresses(), name(command, "key")?);
    builder = builder.insecure(command["insecure"] == true);
    if let Some(pem) = command["root_certificates"].as_str() {
        builder = builder.root_certificates(pem);
    }
    if let Some(pem) = command["certificate_chain"].as_str() {
        builder = builder.certificate_chain(pem);
    }
    if let Some(pem) = command["private_key"].as_str() {
        builder = builder.private_key(pem);
    }
    if let Some(connections) = size(command, "connections") {
        builder = builder.connections(connections);
    }
    Ok(builder)
}

fn events_of(command: &Value) -> Result<Vec<v1::Event>, Failure> {
    command["events"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|event| message("Event", event))
        .collect()
}

fn name<'a>(command: &'a Value, field: &str) -> Result<&'a str, Failure> {
    command[field]
        .as_str()
        .ok_or_else(|| Failure::Fault(format!("no {field}")))
}

fn object(command: &Value, field: &str) -> Map<String, Value> {
    command[field].as_object().cloned().unwrap_or_default()
}

fn size(command: &Value, field: &str) -> Option<usize> {
    command[field].as_u64().and_then(|number| usize::try_from(number).ok())
}

fn milliseconds(command: &Value, field: &str) -> Option<Duration> {
    command[field]
        .as_f64()
        .map(|number| Duration::from_secs_f64(number / 1_000.0))
}

fn all<T>(of: &Named<T>) -> std::sync::MutexGuard<'_, HashMap<String, T>> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn insert<T>(of: &Named<T>, name: &str, value: T) {
    all(of).insert(name.to_owned(), value);
}

fn get<T: Clone>(of: &Named<T>, name: &str) -> Result<T, Failure> {
    all(of)
        .get(name)
        .cloned()
        .ok_or_else(|| Failure::Fault(format!("nothing open under {name:?}")))
}
