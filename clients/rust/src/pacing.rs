//! A limit on how many calls with events a client has under way, once a server has refused one for overload.
//!
//! A refusal costs a server almost as much as a small call, so a client that goes on sending while the server refuses
//! makes the overload worse, for itself first of all. A refusal holds all such calls back for as long as the server
//! asks, and halves how many may be under way; every success raises the limit a little: additive increase,
//! multiplicative decrease. A client that is never refused never waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::connection::CALLS_PER_CONNECTION;
use crate::error::{Error, RetryAfter};

const LONGEST_HOLD: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The slots of a client's calls with events. Of the calls that wait, the one that came last is served first: in order
/// of arrival, every call would wait until its time is nearly over, and much would be sent in vain.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// None as long as nothing is held back.
    limit: Option<f64>,
    under_way: usize,
    held_until: Option<Instant>,
    cut_at: Option<Instant>,
    refusal: Option<Error>,
    waiting: Vec<Arc<Notify>>,
}

/// A slot: give it back with [`Slot::end`]. One that is dropped counts as a call that was left.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    pacer: &'a Pacer,
    begun: Instant,
}

impl Pacer {
    /// Waits for a slot for at most `patience`; the error is the refusal that all calls wait for.
    pub(crate) async fn slot(&self, patience: Duration) -> Result<Slot<'_>, Error> {
        let give_up_at = Instant::now() + patience;
        let place = Place {
            pacer: self,
            woken: Arc::new(Notify::new()),
        };
        self.state().waiting.push(Arc::clone(&place.woken));
        loop {
            let next = {
                let mut state = self.state();
                let now = Instant::now();
                let wait = state.wait(now);
                let is_last = state.waiting.last().is_some_and(|last| Arc::ptr_eq(last, &place.woken));
                if wait.is_zero() && is_last {
                    state.under_way += 1;
                    return Ok(Slot {
                        pacer: self,
                        begun: now,
                    });
                }
                let left = give_up_at.saturating_duration_since(now);
                let held = state.held_until.is_some_and(|until| until >= give_up_at);
                if left.is_zero() || held {
                    return Err(state
                        .refusal
                        .clone()
                        .unwrap_or_else(|| Error::connection("the server is overloaded")));
                }
                left.min(if wait.is_zero() { LOOK_AGAIN } else { wait })
            };
            // Whether it was woken or the time is over: it looks again.
            let _ = tokio::time::timeout(next, place.woken.notified()).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a call among those that wait, for as long as it waits.
struct Place<'a> {
    pacer: &'a Pacer,
    woken: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pacer.state();
        state.waiting.retain(|other| !Arc::ptr_eq(other, &self.woken));
        state.wake();
    }
}

impl Slot<'_> {
    /// Gives the slot back, and adapts the limit to how the call has ended.
    pub(crate) fn end(self, error: Option<&Error>) {
        let mut state = self.pacer.state();
        match error {
            None => state.succeeded(),
            Some(error) if matches!(error.reason(), "OVERLOADED" | "EVENT_RATE") => state.refused(self.begun, error),
            Some(_) => {}
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.pacer.state();
        state.under_way -= 1;
        state.wake();
    }
}

impl State {
    /// The time after which to look again whether a call may begin; zero if one may begin now.
    fn wait(&self, now: Instant) -> Duration {
        let held = self
            .held_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if !held.is_zero() {
            return held;
        }
        // Limits are far below what a float counts exactly.
        #[allow(clippy::cast_precision_loss)]
        let is_free = self.limit.is_none_or(|limit| (self.under_way + 1) as f64 <= limit);
        if is_free { Duration::ZERO } else { LOOK_AGAIN }
    }

    fn succeeded(&mut self) {
        if let Some(limit) = self.limit {
            let raised = limit + 1.0 / limit;
            self.limit = (raised < f64::from(CALLS_PER_CONNECTION)).then_some(raised);
        }
    }

    fn refused(&mut self, begun: Instant, error: &Error) {
        let now = Instant::now();
        let hold = match error.retry_after() {
            Some(RetryAfter::After(asked)) => asked.min(LONGEST_HOLD),
            _ => Duration::ZERO,
        };
        self.held_until = self.held_until.max(Some(now + hold));
        self.refusal = Some(error.clone());
        // What was under way at the last cut says nothing about it.
        if self.cut_at.is_none_or(|cut| begun > cut) {
            self.cut_at = Some(now);
            #[allow(clippy::cast_precision_loss)]
            let under_way = self.under_way as f64;
            self.limit = Some((self.limit.unwrap_or(f64::INFINITY).min(under_way) / 2.0).max(1.0));
        }
    }

    /// Wakes the call that came last, if one may begin.
    fn wake(&self) {
        if let Some(last) = self.waiting.last()
            && self.wait(Instant::now()).is_zero()
        {
            last.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Code;

    use super::*;
    use crate::error::Origin;

    fn refusal(milliseconds: u64) -> Error {
        Error::new(Origin::Service, Code::Unavailable, "overloaded").with_details(
            "OVERLOADED".into(),
            String::new(),
            HashMap::new(),
            Some(Duration::from_millis(milliseconds)),
        )
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_refusal_halves_what_is_under_way_and_successes_raise_it() {
        let pacer = Pacer::default();
        let mut slots = Vec::new();
        for _ in 0..8 {
            slots.push(pacer.slot(PATIENCE).await.unwrap());
        }
        slots.pop().unwrap().end(Some(&refusal(0)));
        assert_eq!(pacer.state().limit, Some(4.0));
        slots.pop().unwrap().end(Some(&refusal(0)));
        assert_eq!(
            pacer.state().limit,
            Some(4.0),
            "calls from before the cut do not cut again"
        );
        slots.pop().unwrap().end(None);
        assert_eq!(pacer.state().limit, Some(4.25));
    }

    #[tokio::test]
    async fn who_cannot_begin_in_time_gives_up_at_once() {
        let pacer = Pacer::default();
        pacer.slot(PATIENCE).await.unwrap().end(Some(&refusal(5_000)));
        let refused = pacer.slot(Duration::from_secs(2)).await.unwrap_err();
        assert_eq!(refused.reason(), "OVERLOADED");
    }

    #[tokio::test]
    async fn the_last_that_came_is_served_first() {
        let pacer = Pacer::default();
        pacer.slot(PATIENCE).await.unwrap().end(Some(&refusal(0)));
        let only = pacer.slot(PATIENCE).await.unwrap();
        let order = Mutex::new(Vec::new());
        let waiter = |name: &'static str| {
            let (pacer, order) = (&pacer, &order);
            async move {
                let slot = pacer.slot(PATIENCE).await.unwrap();
                order.lock().unwrap().push(name);
                slot.end(None);
            }
        };
        let all = async {
            tokio::join!(biased; waiter("first"), waiter("second"), async {
                assert_eq!(pacer.state().waiting.len(), 2);
                only.end(None);
            });
        };
        all.await;
        assert_eq!(*order.lock().unwrap(), ["second", "first"]);
    }

    #[tokio::test]
    async fn a_call_that_is_left_takes_no_slot_with_it() {
        let pacer = Pacer::default();
        pacer.slot(PATIENCE).await.unwrap().end(Some(&refusal(0)));
        let only = pacer.slot(PATIENCE).await.unwrap();
        assert!(
            tokio::time::timeout(Duration::from_millis(5), pacer.slot(PATIENCE))
                .await
                .is_err()
        );
        drop(only);
        pacer.slot(PATIENCE).await.unwrap();
        assert!(pacer.state().waiting.is_empty());
    }
}
