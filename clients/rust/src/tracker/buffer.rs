//! The memory of a tracker: a bounded first-in-first-out buffer and its counters.

use std::collections::VecDeque;
use std::time::Instant;

use super::Options;
use crate::batch::{Encoded, MAX_BYTES};

/// What became of the events that were given to a [`Tracker`](crate::Tracker): each is in exactly one of these counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Stored and counted by the server.
    pub sent: u64,
    /// Stored before with the same id, as when an answer was lost and the event was sent again: a success.
    pub duplicates: u64,
    /// Refused by the server for what they are.
    pub rejected: u64,
    /// Never taken: they could not be built, or fit in no request.
    pub invalid: u64,
    /// Not sent: a bound was reached, or the tracker was closed.
    pub dropped: u64,
    /// Given up after they were sent, or left without a result.
    pub failed: u64,
    /// Waiting or under way.
    pub pending: u64,
}

/// The events that wait, and the counts of those that do not any more.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    waiting: VecDeque<(Encoded, Instant)>,
    bytes: usize,
    taken: u64,
    settled: u64,
    tally: Stats,
}

/// Some events on their way.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) events: Vec<Encoded>,
    bytes: usize,
}

impl Buffer {
    /// Takes an event in; one for which there is no room is counted and given back.
    pub(super) fn put(&mut self, event: Encoded, options: &Options) -> Result<(), Encoded> {
        let pending = usize::try_from(self.taken - self.settled).unwrap_or(usize::MAX);
        if pending >= options.max_events || self.bytes + event.size > options.max_bytes {
            self.drop_one();
            return Err(event);
        }
        self.taken += 1;
        self.bytes += event.size;
        self.waiting.push_back((event, Instant::now()));
        Ok(())
    }

    /// Counts an event that came too late.
    pub(super) fn drop_one(&mut self) {
        self.taken += 1;
        self.settled += 1;
        self.tally.dropped += 1;
    }

    /// Counts what could not be made an event of.
    pub(super) fn invalid(&mut self) {
        self.tally.invalid += 1;
    }

    /// How many events wait; those under way are not counted.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the first one waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.waiting.front().map(|(_, since)| *since)
    }

    /// How many events were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many of these have an outcome: the first ones, since batches go one at a time.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// The oldest events that fit in one request. They stay pending until they are settled.
    pub(super) fn take(&mut self, most: usize) -> Batch {
        let mut batch = Batch {
            events: Vec::new(),
            bytes: 0,
        };
        while batch.events.len() < most {
            let fits = |(next, _): &(Encoded, Instant)| batch.events.is_empty() || batch.bytes + next.size <= MAX_BYTES;
            if !self.waiting.front().is_some_and(fits) {
                break;
            }
            if let Some((event, _)) = self.waiting.pop_front() {
                batch.bytes += event.size;
                batch.events.push(event);
            }
        }
        batch
    }

    /// Counts the outcomes of a batch: those in `outcome`, which must add up to it.
    pub(super) fn settle(&mut self, batch: &Batch, outcome: Stats) {
        self.settled += batch.events.len() as u64;
        self.bytes -= batch.bytes;
        self.tally.sent += outcome.sent;
        self.tally.duplicates += outcome.duplicates;
        self.tally.rejected += outcome.rejected;
        self.tally.failed += outcome.failed;
    }

    /// Counts all that wait as dropped, and gives them back.
    pub(super) fn drop_waiting(&mut self) -> Vec<Encoded> {
        let dropped: Vec<Encoded> = self.waiting.drain(..).map(|(event, _)| event).collect();
        self.bytes -= dropped.iter().map(|event| event.size).sum::<usize>();
        self.settled += dropped.len() as u64;
        self.tally.dropped += dropped.len() as u64;
        dropped
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            pending: self.taken - self.settled,
            ..self.tally
        }
    }
}
