//! Trackers and clients against a server that takes everything, on runtimes of every kind.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{Scripted, nowhere, until};
use tallywire::{Client, Code, ErrorKind, EventContext, Tracker, events, v1};

const LONG: Duration = Duration::from_secs(30);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_tracker_without_a_runtime_has_a_thread_of_its_own() {
    let server = runtime();
    let service = server.block_on(Scripted::start());
    let tracker = Tracker::new(&service.address, "key").unwrap();
    assert!(tracker.track(events::message_sent().agent_id("a")));
    assert!(tracker.flush_blocking(LONG));
    assert!(tracker.track(events::message_sent().agent_id("b")));
    assert!(tracker.close_blocking(LONG));
    assert!(tracker.close_blocking(LONG), "closing again does nothing");
    assert!(!tracker.track(events::message_sent()));
    let stats = tracker.stats();
    assert_eq!((stats.sent, stats.dropped, stats.pending), (2, 1, 0));
    let agents: Vec<_> = service.events().into_iter().map(|event| event.agent_id).collect();
    assert_eq!(agents, ["a", "b"]);
}

#[test]
fn a_client_that_is_shared_works_without_a_runtime_too() {
    let server = runtime();
    let service = server.block_on(Scripted::start());
    let client = Client::new(&service.address, "key").unwrap();
    let tracker = client.tracker().build().unwrap();
    assert!(tracker.conversation("c1").agent("bot").track(events::message_sent()));
    assert!(tracker.close_blocking(LONG));
    let result = server
        .block_on(client.track(events::message_sent().event_id("e2")))
        .unwrap();
    assert_eq!(
        (result.event_id.as_str(), result.status()),
        ("e2", v1::EventStatus::Accepted)
    );
    assert_eq!(service.events()[0].conversation_id, "c1");
}

#[tokio::test]
async fn a_tracker_that_is_dropped_sends_what_it_holds() {
    let service = Scripted::start().await;
    let tracker = Tracker::builder(&service.address, "key")
        .flush_interval(LONG)
        .build()
        .unwrap();
    let clone = tracker.clone();
    assert!(tracker.track(events::message_sent()));
    drop(tracker);
    assert!(clone.track(events::message_sent()), "a clone is the same tracker");
    drop(clone);
    until("both have come", || service.events().len() == 2).await;
}

#[test]
fn what_ends_with_its_runtime_is_counted_and_told() {
    let runtime = runtime();
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lost);
    let tracker = runtime.block_on(async {
        let builder = Tracker::builder(nowhere().to_string(), "key").flush_interval(LONG);
        let told = move |event: &tallywire::tracker::Lost| told.lock().unwrap().push(event.clone());
        builder.on_lost(told).build().unwrap()
    });
    assert!(tracker.track(events::message_sent().event_id("e1")));
    drop(runtime);
    assert!(!tracker.track(events::message_sent().event_id("e2")));
    tracker.close_blocking(Duration::ZERO);
    let stats = tracker.stats();
    assert_eq!((stats.dropped, stats.pending), (2, 0));
    let lost = lost.lock().unwrap();
    let ids: Vec<_> = lost
        .iter()
        .map(|lost| lost.event.as_ref().unwrap().event_id.as_str())
        .collect();
    assert_eq!(ids, ["e1", "e2"]);
}

#[tokio::test]
async fn what_cannot_be_an_event_is_counted_and_the_caller_is_left_alone() {
    let tracker = Tracker::new(nowhere().to_string(), "key").unwrap();
    assert!(!tracker.track(events::custom("a.b").property("n", f64::NAN)));
    assert!(!tracker.track(events::custom("a.b").property("text", "x".repeat(4_000_000))));
    assert_eq!(tracker.stats().invalid, 2);
    let client = Client::new(nowhere().to_string(), "key").unwrap();
    let error = client
        .track(events::custom("a.b").property("n", f64::NAN))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Arguments, "properties.n"));
    assert!(tracker.close(LONG).await);
}

#[tokio::test]
async fn three_hundred_calls_at_once() {
    let service = Scripted::start().await;
    let client = Client::new(&service.address, "key").unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let client = client.clone();
        calls.spawn(async move { client.track(events::message_sent()).await.map(|result| result.status()) });
    }
    for status in calls.join_all().await {
        assert_eq!(status.unwrap(), v1::EventStatus::Accepted);
    }
    assert_eq!(service.events().len(), 300);
}

#[tokio::test]
async fn a_context_and_a_batch_of_any_size() {
    let service = Scripted::start().await;
    let client = Client::new(&service.address, "key").unwrap();
    let context = EventContext::default().user("u1").campaign("spring");
    let results = client
        .within(context)
        .track_batch((0..2_500).map(|_| events::lead_created()))
        .await
        .unwrap();
    assert_eq!(results.len(), 2_500);
    let all = service.events();
    assert!(
        all.iter()
            .all(|event| event.user_id == "u1" && event.campaign_id == "spring")
    );
    assert!(
        results
            .iter()
            .zip(&all)
            .all(|(result, event)| result.event_id == event.event_id)
    );
}

#[tokio::test]
async fn a_client_that_is_closed_ends_what_is_under_way() {
    let client = Client::new(nowhere().to_string(), "key").unwrap();
    let other = client.clone();
    let call = tokio::spawn(async move { other.track(events::message_sent()).await });
    let mut updates = client.updates(v1::WatchUpdatesRequest {
        resume_after: "t".into(),
        ..Default::default()
    });
    client.close();
    client.close();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert_eq!(updates.next().await.unwrap().unwrap_err().code(), Code::Cancelled);
    assert!(updates.next().await.is_none());
    assert_eq!(updates.resume_token(), "t");
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_says_where() {
    let address = nowhere().to_string();
    let client = Client::new(&address, "key").unwrap();
    let error = client.get_quota(v1::GetQuotaRequest::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::Unavailable, true));
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn nothing_that_is_printed_has_the_key() {
    let builder = Client::builder(["10.0.0.1:1", "10.0.0.2:1"], "s3cret").insecure(true);
    let client = builder.clone().build().unwrap();
    let tracker = builder.clone().tracker();
    let printed = format!(
        "{builder:?} {client:?} {tracker:?} {:?}",
        client.within(EventContext::default())
    );
    assert!(
        printed.contains("10.0.0.2:1") && !printed.contains("s3cret"),
        "{printed}"
    );
    for key in ["s3cret\n", ""] {
        let error = Client::new("127.0.0.1:1", key).unwrap_err();
        assert!(error.is_local() && !format!("{error} {error:?}").contains("s3cret"));
    }
}

#[test]
fn arguments_that_contradict_each_other_are_refused() {
    let to = || Client::builder("127.0.0.1:1", "key");
    let refused = [
        to().insecure(true).root_certificates("x").build(),
        to().certificate_chain("x").build(),
        to().private_key("x").build(),
        to().root_certificates("no certificate").build(),
        to().connections(0).build(),
        Client::new(Vec::<String>::new(), "key"),
        Client::new("nowhere", "key"),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert!(result.is_err_and(|error| error.is_local()), "{index}");
    }
    assert!(to().tracker().batch_size(1_001).build().unwrap_err().is_local());
    assert!(Client::new("metrics.example:443", "key").is_ok());
}
