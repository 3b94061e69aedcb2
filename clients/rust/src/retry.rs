//! When to try a call again, and after how long: decisions without any waiting.

use std::time::{Duration, Instant};

use tonic::Code;

use crate::error::{Error, Origin, RetryAfter};

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
const QUESTION_ATTEMPTS: u32 = 3;

/// Which failures are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// What changes nothing.
    Question,
    /// Events, whose ids make it safe.
    Events,
    /// Events that nobody waits for.
    Tracker,
    /// What must not be done twice.
    Change,
    /// A subscription: every failed connection.
    Connection,
}

/// The attempts of one call against one total deadline.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: Policy,
    deadline: Option<Instant>,
    longest: Duration,
    failures: u32,
    last: Option<Error>,
    unknown: Option<Error>,
}

impl Attempts {
    /// Attempts until `deadline`, each of at most `longest`.
    pub(crate) fn new(policy: Policy, deadline: Option<Instant>, longest: Duration) -> Self {
        Self {
            policy,
            deadline,
            longest,
            failures: 0,
            last: None,
            unknown: None,
        }
    }

    /// The time that is left for the call.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    /// The time that the next attempt may take: a tiny one when the time is up.
    pub(crate) fn next_timeout(&self) -> Duration {
        self.longest.min(self.left()).max(Duration::from_millis(1))
    }

    /// The error to return where no further attempt is made: one that leaves the outcome open, if there was any.
    pub(crate) fn given_up(self, refusal: Error) -> Error {
        self.unknown.unwrap_or(refusal)
    }

    /// The time to wait before the next attempt, or the error of the whole call.
    pub(crate) fn after(&mut self, error: Error) -> Result<Duration, Error> {
        let failures = self.failures;
        self.failures += 1;
        if !self.is_worth_it(&error) {
            return Err(self.verdict(error));
        }
        let wait = wait(failures, error.retry_after());
        if self.left() <= wait {
            return Err(self.verdict(error));
        }
        if error.code() != Code::DeadlineExceeded {
            self.last = Some(error.clone());
        }
        if error.outcome_unknown() {
            self.unknown = Some(error);
        }
        Ok(wait)
    }

    fn is_worth_it(&self, error: &Error) -> bool {
        if error.retry_after() == Some(RetryAfter::Never) {
            return false;
        }
        if matches!(error.origin(), Origin::Arguments | Origin::Stranger | Origin::Caller) {
            return false;
        }
        let (code, asked) = (error.code(), error.has_retry_info());
        match self.policy {
            Policy::Events | Policy::Tracker => {
                matches!(code, Code::Unavailable | Code::DeadlineExceeded)
                    || (code == Code::ResourceExhausted && asked)
                    || (self.policy == Policy::Tracker && error.outcome_unknown())
            }
            Policy::Question => asked || (code == Code::Unavailable && self.failures < QUESTION_ATTEMPTS),
            Policy::Change => (code == Code::ResourceExhausted && asked) || error.reason() == "OVERLOADED",
            // Whoever connects again has already decided that it may.
            Policy::Connection => true,
        }
    }

    /// The error to return: if the last attempt merely ran out of time, the answer to the one before it.
    fn verdict(&mut self, error: Error) -> Error {
        if error.code() == Code::DeadlineExceeded && error.origin() != Origin::Service {
            return self.last.take().unwrap_or(error);
        }
        error
    }
}

/// The wait after some failures: what the server asks for and up to a fifth more, else a jittered backoff.
fn wait(failures: u32, asked: Option<RetryAfter>) -> Duration {
    if let Some(RetryAfter::After(asked)) = asked {
        return asked.mul_f64(1.0 + fastrand::f64() / 5.0);
    }
    let whole = MAX_BACKOFF.min(FIRST_BACKOFF * 2_u32.pow(failures.min(16)));
    whole.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(policy: Policy, timeout: Duration) -> Attempts {
        Attempts::new(policy, Some(Instant::now() + timeout), Duration::from_secs(30))
    }

    fn unavailable(message: &str) -> Error {
        Error::connection(message)
    }

    #[test]
    fn waits_double_and_are_jittered_between_a_half_and_the_whole() {
        for (failures, whole) in [(0, 100), (1, 200), (3, 800), (6, 5_000), (40, 5_000)] {
            for _ in 0..200 {
                let waited = wait(failures, None);
                assert!(waited >= Duration::from_millis(whole / 2) && waited <= Duration::from_millis(whole));
            }
        }
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_wait() {
        for _ in 0..200 {
            let waited = wait(9, Some(RetryAfter::After(Duration::from_millis(700))));
            assert!(waited >= Duration::from_millis(700) && waited <= Duration::from_millis(840));
        }
    }

    #[test]
    fn questions_are_tried_three_times_and_changes_once() {
        let mut question = attempts(Policy::Question, Duration::from_secs(30));
        assert!(question.after(unavailable("first")).is_ok());
        assert!(question.after(unavailable("second")).is_ok());
        assert_eq!(question.after(unavailable("third")).unwrap_err().message(), "third");
        assert!(
            attempts(Policy::Change, Duration::from_secs(30))
                .after(unavailable("first"))
                .is_err()
        );
    }

    #[test]
    fn a_wait_beyond_the_deadline_ends_the_call_at_once() {
        let asked = unavailable("busy").with_retry_after(Some(RetryAfter::After(Duration::from_secs(9))));
        assert_eq!(
            attempts(Policy::Events, Duration::from_secs(5))
                .after(asked)
                .unwrap_err()
                .message(),
            "busy"
        );
    }

    #[test]
    fn an_attempt_that_ran_out_of_time_shows_the_error_before_it() {
        let mut tries = attempts(Policy::Events, Duration::from_secs(30));
        assert!(tries.after(unavailable("the cause")).is_ok());
        let late = Error::new(Origin::Caller, Code::DeadlineExceeded, "time is up");
        assert_eq!(tries.after(late).unwrap_err().message(), "the cause");
    }

    #[test]
    fn never_is_never() {
        let never = unavailable("no").with_retry_after(Some(RetryAfter::Never));
        assert!(attempts(Policy::Tracker, Duration::from_secs(30)).after(never).is_err());
    }

    #[test]
    fn a_refusal_by_a_stranger_is_final_for_everybody() {
        for policy in [
            Policy::Question,
            Policy::Events,
            Policy::Tracker,
            Policy::Change,
            Policy::Connection,
        ] {
            let refused = Error::new(Origin::Stranger, Code::ResourceExhausted, "too large");
            assert!(attempts(policy, Duration::from_secs(30)).after(refused).is_err());
        }
    }
}
