//! Tracks a conversation and reads what it comes to: `TALLYWIRE_API_KEY=… cargo run --example track_and_read`.

use std::time::Duration;

use tallywire::{Client, answers, events, v1};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::var("TALLYWIRE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:50051".into());
    let client = Client::new(&address, std::env::var("TALLYWIRE_API_KEY")?)?;

    // In the background: nobody waits.
    let tracker = client.tracker().build()?;
    let conversation = tracker
        .conversation("example-1")
        .agent("support-bot")
        .user("u1")
        .channel("web");
    conversation.track(events::conversation_started().topic("returns"));
    conversation.track(events::message_received());
    conversation.track(
        events::message_sent()
            .response_time_ms(820)
            .cost_micros(310)
            .model("small-1"),
    );
    conversation.track(events::conversation_resolved());
    tracker.close(Duration::from_secs(10)).await;
    println!("{:?}", tracker.stats());

    // At once: the answer says that it is stored.
    let result = client
        .track(events::feedback_submitted().agent_id("support-bot").rating(5))
        .await?;
    println!("feedback: {:?}", result.status());

    let time_range = Some(v1::TimeRange::last(Duration::from_secs(86_400)));
    let overview = client
        .get_overview(v1::GetOverviewRequest {
            time_range,
            ..Default::default()
        })
        .await?;
    let figures = overview.overview.unwrap_or_default();
    println!("messages: {:?}", figures.total_messages);
    println!("cost: {:?}", figures.cost_micros.map(answers::decimal));
    println!("satisfaction: {:?}", figures.satisfaction_score);

    let mut agents = client.list_agents_all(v1::ListAgentsRequest::default());
    while let Some(agent) = agents.next().await {
        println!("agent: {}", agent?.agent_id);
    }
    Ok(())
}
