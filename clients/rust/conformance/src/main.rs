//! The testee of the conformance tests: does with the crate what a driver tells it, see
//! clients/conformance/TESTEE.md.

mod building;
mod calls;
mod testee;

#[path = "generated/dispatch.rs"]
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic)]
mod dispatch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tallywire::Code;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use calls::Failure;
use testee::Testee;

type Running = Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>;

/// A call of any RPC is one future, and debug builds keep a place on the stack for each of its branches.
const STACK_BYTES: usize = 32 << 20;

fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()?
        .block_on(run())
}

async fn run() -> std::io::Result<()> {
    let (replies, mut written) = mpsc::unbounded_channel::<Value>();
    let writer = tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(reply) = written.recv().await {
            stdout.write_all(format!("{reply}\n").as_bytes()).await?;
            stdout.flush().await?;
        }
        std::io::Result::Ok(())
    });
    let (testee, running) = (Arc::new(Testee::default()), Running::default());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut commands = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        let command: Value = serde_json::from_str(&line)?;
        commands.spawn(answer(
            Arc::clone(&testee),
            Arc::clone(&running),
            command,
            replies.clone(),
        ));
        while commands.try_join_next().is_some() {}
    }
    commands.shutdown().await;
    testee.close_all().await;
    drop(replies);
    writer.await?
}

/// Does a command and sends its reply.
async fn answer(testee: Arc<Testee>, running: Running, command: Value, replies: mpsc::UnboundedSender<Value>) {
    let id = command["id"].as_u64().unwrap_or_default();
    let all = || running.lock().unwrap_or_else(PoisonError::into_inner);
    let (cancel, cancelled) = oneshot::channel();
    all().insert(id, cancel);
    let outcome = if command["do"] == "cancel" {
        let other = command["of"].as_u64().unwrap_or_default();
        // One that has ended meanwhile needs no cancelling.
        let _ = all().remove(&other).map(|cancel| cancel.send(()));
        Ok(json!({}))
    } else {
        tokio::select! {
            outcome = testee.execute(&command) => outcome,
            Ok(()) = cancelled => Err(Failure::Cancelled),
        }
    };
    all().remove(&id);
    let mut reply = match outcome {
        Ok(ok) => json!({ "ok": ok }),
        Err(failure) => failure.reply(),
    };
    reply["id"] = id.into();
    // The writer ends after all commands.
    let _ = replies.send(reply);
}

/// The name of a status as gRPC writes it.
pub(crate) fn code_name(code: Code) -> String {
    let name = format!("{code:?}");
    let mut text = String::new();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}
