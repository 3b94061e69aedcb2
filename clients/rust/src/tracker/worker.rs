//! The background half of a tracker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::Options;
use super::buffer::{Batch, Buffer, Stats};
use super::losses::Losses;
use crate::batch::{self, Encoded};
use crate::call::TRACK_IN_BACKGROUND;
use crate::client::Client;
use crate::error::Error;
use crate::{status, v1};

const FULL: &str = "the buffer of the tracker is full";
const TOO_LATE: &str = "the tracker was closed before it came";
const NOT_SENT: &str = "the tracker was closed before it was sent";
/// What a call that is cancelled may still take.
const GRACE: Duration = Duration::from_secs(1);

/// What a tracker and its task share.
pub(super) struct Worker {
    options: Options,
    client: Client,
    losses: Losses,
    state: Mutex<State>,
    /// There is something to do for the task.
    work: Notify,
    /// How many events have an outcome.
    settled: watch::Sender<u64>,
    /// Until when the tracker may still send; None while it is open.
    close_by: watch::Sender<Option<Instant>>,
    /// Whether the task has ended.
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    buffer: Buffer,
    /// Events up to this count are sent at once.
    flush_to: u64,
}

/// What the task does next.
enum Next {
    Send(Batch),
    Wait(Option<Duration>),
    End,
}

impl Worker {
    pub(super) fn new(options: Options, client: Client, losses: Losses) -> Self {
        Self {
            options,
            client,
            losses,
            state: Mutex::default(),
            work: Notify::new(),
            settled: watch::Sender::new(0),
            close_by: watch::Sender::new(None),
            ended: watch::Sender::new(false),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn put(&self, event: Encoded) -> bool {
        let mut state = self.state();
        if self.is_closing() || *self.ended.borrow() {
            state.buffer.drop_one();
            drop(state);
            self.lose(TOO_LATE, TOO_LATE, &event);
            return false;
        }
        let taken = state.buffer.put(event, &self.options);
        let waiting = state.buffer.len();
        drop(state);
        match taken {
            Ok(()) => {
                if waiting == 1 || waiting >= self.options.batch_size {
                    self.work.notify_one();
                }
                true
            }
            Err(event) => {
                self.lose(FULL, FULL, &event);
                self.work.notify_one();
                false
            }
        }
    }

    pub(super) fn invalid(&self, event: Option<v1::Event>, why: &str) -> bool {
        self.state().buffer.invalid();
        self.losses.add(why, why, || event);
        self.work.notify_one();
        false
    }

    pub(super) fn stats(&self) -> Stats {
        self.state().buffer.stats()
    }

    pub(super) async fn flush(&self, timeout: Duration) -> bool {
        let goal = {
            let mut state = self.state();
            state.flush_to = state.buffer.taken();
            state.flush_to
        };
        self.work.notify_one();
        let mut settled = self.settled.subscribe();
        let all = async { settled.wait_for(|settled| *settled >= goal).await.is_ok() };
        tokio::time::timeout(timeout, all).await.unwrap_or(false)
    }

    /// Starts the time in which events may still be sent. Later calls change nothing.
    pub(super) fn begin_close(&self, timeout: Duration) {
        self.close_by.send_if_modified(|close_by| {
            let is_first = close_by.is_none();
            if is_first {
                *close_by = Instant::now().checked_add(timeout).or_else(|| Some(Instant::now()));
            }
            is_first
        });
        self.work.notify_one();
    }

    pub(super) async fn close(&self, timeout: Duration) -> bool {
        let failed_before = self.stats().failed;
        self.begin_close(timeout);
        let mut ended = self.ended.subscribe();
        // If the task does not end, because its runtime is gone, what waits is lost all the same.
        let _ = tokio::time::timeout(timeout + GRACE, ended.wait_for(|ended| *ended)).await;
        let lost = self.drop_waiting();
        let stats = self.stats();
        lost == 0 && stats.pending == 0 && stats.failed == failed_before
    }

    /// Sends batches until the tracker is closed and nothing waits, or its time is over.
    pub(super) async fn run(self: Arc<Self>) {
        let _end = End(&self);
        loop {
            self.losses.log_if_due();
            match self.next() {
                Next::Send(batch) => self.deliver(batch).await,
                Next::Wait(None) => self.work.notified().await,
                Next::Wait(Some(wait)) => {
                    // Whether it was woken or the time is over: it looks again.
                    let _ = tokio::time::timeout(wait, self.work.notified()).await;
                }
                Next::End => return,
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.state();
        let close_by = *self.close_by.borrow();
        let Some(oldest) = state.buffer.oldest() else {
            return if close_by.is_some() {
                Next::End
            } else {
                Next::Wait(self.losses.due_in())
            };
        };
        if close_by.is_some_and(|by| by <= Instant::now()) {
            return Next::End;
        }
        let due = self.options.flush_interval.saturating_sub(oldest.elapsed());
        let urgent = close_by.is_some() || state.buffer.settled() < state.flush_to;
        if urgent || due.is_zero() || state.buffer.len() >= self.options.batch_size {
            return Next::Send(state.buffer.take(self.options.batch_size));
        }
        Next::Wait(Some(due))
    }

    /// Sends a batch, again while its outcome is unknown and time is left, and counts the outcomes.
    async fn deliver(&self, batch: Batch) {
        let body = batch::many(&batch.events, self.client.corrects_clock());
        // Settles the batch also if the task is ended in the middle of it.
        let mut under_way = UnderWay {
            worker: self,
            batch: Some(batch),
        };
        let sent = tokio::select! {
            sent = self.client.send::<v1::TrackEventsResponse>(&TRACK_IN_BACKGROUND, &body, self.options.retry_for) => sent,
            () = self.time_is_over() => Err(Error::closed("the tracker")),
        };
        let Some(batch) = under_way.batch.take() else { return };
        let outcome = match sent {
            Ok(answer) => self.count(&batch, &answer.results),
            Err(error) => self.give_up(&batch, &error),
        };
        self.settle(&batch, outcome);
    }

    /// Returns once the tracker is closed and its time is over.
    async fn time_is_over(&self) {
        let mut close_by = self.close_by.subscribe();
        // The sender lives as long as this worker.
        if let Ok(by) = close_by.wait_for(Option::is_some).await.map(|by| *by) {
            tokio::time::sleep_until(by.unwrap_or_else(Instant::now).into()).await;
        }
    }

    fn count(&self, batch: &Batch, results: &[v1::EventResult]) -> Stats {
        let mut outcome = Stats::default();
        for (index, event) in batch.events.iter().enumerate() {
            match results.get(index).map(|result| (result.status(), result)) {
                Some((v1::EventStatus::Accepted, _)) => outcome.sent += 1,
                Some((v1::EventStatus::Duplicate, _)) => outcome.duplicates += 1,
                Some((v1::EventStatus::Rejected, result)) => {
                    outcome.rejected += 1;
                    self.lose_rejected(event, result.rejection.as_ref());
                }
                _ => {
                    outcome.failed += 1;
                    self.lose("no result", "the server gave no result", event);
                }
            }
        }
        outcome
    }

    fn lose_rejected(&self, event: &Encoded, rejection: Option<&v1::Rejection>) {
        let event_type = event.event().unwrap_or_default().event_type;
        let rejection = rejection.cloned().unwrap_or_default();
        let reason = v1::ErrorReason::try_from(rejection.reason).map_or_else(
            |_| rejection.reason.to_string(),
            |reason| reason.as_str_name().replace("ERROR_REASON_", ""),
        );
        let kind = format!("{event_type} rejected: {reason} {}", rejection.field);
        self.lose(&kind, &format!("{kind}: {}", rejection.message), event);
    }

    fn give_up(&self, batch: &Batch, error: &Error) -> Stats {
        let kind = format!("{} {}", status::name(error.code()), error.reason());
        for event in &batch.events {
            self.lose(&kind, &format!("given up: {error}"), event);
        }
        Stats {
            failed: batch.events.len() as u64,
            ..Stats::default()
        }
    }

    fn settle(&self, batch: &Batch, outcome: Stats) {
        let mut state = self.state();
        state.buffer.settle(batch, outcome);
        self.settled.send_replace(state.buffer.settled());
    }

    /// Counts and reports what waits as dropped; returns how many there were.
    fn drop_waiting(&self) -> usize {
        let dropped = {
            let mut state = self.state();
            let dropped = state.buffer.drop_waiting();
            self.settled.send_replace(state.buffer.settled());
            dropped
        };
        for event in &dropped {
            self.lose(NOT_SENT, NOT_SENT, event);
        }
        self.losses.log();
        dropped.len()
    }

    fn lose(&self, kind: &str, reason: &str, event: &Encoded) {
        self.losses.add(kind, reason, || event.event());
    }

    fn is_closing(&self) -> bool {
        self.close_by.borrow().is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the task, also if its runtime ends it: what waits is lost, and whoever waits for the task is told.
struct End<'a>(&'a Worker);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.send_replace(true);
        self.0.drop_waiting();
    }
}

/// A batch on its way. One whose task is ended has failed.
struct UnderWay<'a> {
    worker: &'a Worker,
    batch: Option<Batch>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let outcome = self
                .worker
                .give_up(&batch, &Error::closed("the runtime of the tracker"));
            self.worker.settle(&batch, outcome);
        }
    }
}
