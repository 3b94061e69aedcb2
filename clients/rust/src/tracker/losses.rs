//! Lost events and why they were lost: counted, told to the program, and logged in one line a minute at most.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::OnLost;
use crate::v1;

const INTERVAL: Duration = Duration::from_secs(60);
/// Kinds that are kept apart; what comes beyond is counted together.
const MAX_KINDS: usize = 100;
const MAX_LISTED: usize = 10;
const OTHERS: &str = "other reasons";

/// An event that will not be stored, or whose outcome stays unknown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lost {
    /// The event; None if none could be built.
    pub event: Option<v1::Event>,
    /// Why it is lost, for people.
    pub reason: String,
}

/// The lost events of one tracker since the last line of the log.
pub(super) struct Losses {
    on_lost: Option<OnLost>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// By kind: how many, and the reason of the first.
    kinds: HashMap<String, (u64, String)>,
    logged_at: Option<Instant>,
}

impl Losses {
    pub(super) fn new(on_lost: Option<OnLost>) -> Self {
        Self {
            on_lost,
            known: Mutex::default(),
        }
    }

    /// Counts an event under its kind. `event` is asked for only if somebody wants to know it.
    pub(super) fn add(&self, kind: &str, reason: &str, event: impl FnOnce() -> Option<v1::Event>) {
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let has_room = known.kinds.len() < MAX_KINDS || known.kinds.contains_key(kind);
            let (kind, reason) = if has_room { (kind, reason) } else { (OTHERS, OTHERS) };
            known
                .kinds
                .entry(kind.to_owned())
                .or_insert_with(|| (0, reason.to_owned()))
                .0 += 1;
        }
        if let Some(on_lost) = &self.on_lost {
            on_lost(&Lost {
                event: event(),
                reason: reason.to_owned(),
            });
        }
    }

    /// The time until the next line; None if there is nothing to log.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = known
            .logged_at
            .map_or(Duration::ZERO, |at| INTERVAL.saturating_sub(at.elapsed()));
        (!known.kinds.is_empty()).then_some(wait)
    }

    /// Logs what was lost since the last line, if that was a minute ago.
    pub(super) fn log_if_due(&self) {
        if self.due_in() == Some(Duration::ZERO) {
            self.log();
        }
    }

    /// Logs what was lost since the last line, if anything was.
    pub(super) fn log(&self) {
        let kinds = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.kinds.is_empty() {
                return;
            }
            known.logged_at = Some(Instant::now());
            std::mem::take(&mut known.kinds)
        };
        let (total, reasons) = line(kinds.into_values().collect());
        tracing::warn!(target: "tallywire", lost = total, "events are lost: {reasons}");
    }
}

/// The number of lost events, and their reasons, the most frequent first.
fn line(mut kinds: Vec<(u64, String)>) -> (u64, String) {
    kinds.sort_by(|one, other| other.cmp(one));
    let total = kinds.iter().map(|(count, _)| count).sum();
    let mut text = String::new();
    for (count, reason) in kinds.iter().take(MAX_LISTED) {
        let separator = if text.is_empty() { "" } else { "; " };
        // Cannot fail: a text grows.
        let _ = write!(text, "{separator}{count} × {reason}");
    }
    let others: u64 = kinds.iter().skip(MAX_LISTED).map(|(count, _)| count).sum();
    if others > 0 {
        let _ = write!(text, "; {others} × others");
    }
    (total, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_numbers_and_reasons_the_most_frequent_first() {
        let losses = Losses::new(None);
        losses.add("full", "the buffer is full", || None);
        for _ in 0..3 {
            losses.add("rejected", "message.sent rejected: EVENT_TOO_OLD", || None);
        }
        assert_eq!(losses.due_in(), Some(Duration::ZERO));
        let kinds = losses.known.lock().unwrap().kinds.clone().into_values().collect();
        let expected = "3 × message.sent rejected: EVENT_TOO_OLD; 1 × the buffer is full";
        assert_eq!(line(kinds), (4, expected.to_owned()));
        losses.log();
        assert_eq!(losses.due_in(), None);
        losses.add("full", "the buffer is full", || None);
        assert!(losses.due_in().unwrap() > Duration::from_secs(1), "one line a minute");
    }

    #[test]
    fn kinds_are_bounded() {
        let losses = Losses::new(None);
        for kind in 0..1_000 {
            losses.add(&kind.to_string(), &kind.to_string(), || None);
        }
        let known = losses.known.lock().unwrap();
        assert_eq!((known.kinds.len(), known.kinds[OTHERS].0), (MAX_KINDS + 1, 900));
    }
}
