//! What has come of a subscription, and what may come next.

use std::time::{Duration, Instant};

use prost::Message;

use crate::call::Rpc;
use crate::error::{Error, Result};
use crate::v1;

/// How long a server that lags behind another one may take to catch up.
const BEHIND: Duration = Duration::from_secs(60);

/// The progress of one kind of subscription.
pub(super) trait Progress: Send + 'static {
    /// What is asked for.
    type Request: Message;
    /// What the server sends.
    type Response: Message + Default + 'static;
    /// The RPC.
    const RPC: Rpc;

    /// The request of a new connection.
    fn request(&mut self) -> Self::Request;

    /// Enters a message, and returns what there is to deliver.
    fn take(&mut self, message: Self::Response) -> Result<Option<Self::Response>>;

    /// The token to go on after; empty where there is none.
    fn token(&self) -> &str;
}

/// The progress of WatchMetrics: revisions never go back, whichever server the stream reconnects to.
#[derive(Debug)]
pub(super) struct States {
    request: v1::WatchMetricsRequest,
    pub(super) heartbeats: bool,
    revision: i64,
    behind_since: Option<Instant>,
}

impl States {
    pub(super) fn new(request: v1::WatchMetricsRequest) -> Self {
        Self {
            request,
            heartbeats: false,
            revision: 0,
            behind_since: None,
        }
    }
}

impl Progress for States {
    type Request = v1::WatchMetricsRequest;
    type Response = v1::WatchMetricsResponse;
    const RPC: Rpc = Rpc::question("/tallywire.v1.RealtimeService/WatchMetrics");

    fn request(&mut self) -> v1::WatchMetricsRequest {
        self.request.clone()
    }

    fn take(&mut self, message: v1::WatchMetricsResponse) -> Result<Option<v1::WatchMetricsResponse>> {
        if message.revision < self.revision {
            let since = *self.behind_since.get_or_insert_with(Instant::now);
            if since.elapsed() > BEHIND {
                let what = "revisions that have gone back and stay there";
                return Err(Error::out_of_sequence(what, Some(self.revision), message.revision));
            }
            return Ok(None);
        }
        self.revision = message.revision;
        self.behind_since = None;
        Ok((self.heartbeats || message.state.is_some()).then_some(message))
    }

    fn token(&self) -> &'static str {
        ""
    }
}

/// The progress of WatchUpdates: every revision once, in order, without a gap, whole.
#[derive(Debug)]
pub(super) struct Revisions {
    request: v1::WatchUpdatesRequest,
    pub(super) bookmarks: bool,
    /// Unknown until the first message.
    revision: Option<i64>,
    /// The pieces so far of a revision that is not whole yet.
    begun: Option<v1::WatchUpdatesResponse>,
}

impl Revisions {
    pub(super) fn new(request: v1::WatchUpdatesRequest) -> Self {
        Self {
            request,
            bookmarks: false,
            revision: None,
            begun: None,
        }
    }

    /// What the revision of a message has to be.
    fn expected(&self, message: &v1::WatchUpdatesResponse) -> Option<i64> {
        match (&self.begun, self.revision) {
            // No bookmark comes in the middle of a revision.
            (Some(begun), _) => Some(if message.bookmark { -1 } else { begun.revision }),
            (None, Some(revision)) => Some(if message.bookmark { revision } else { revision + 1 }),
            (None, None) => None,
        }
    }
}

impl Progress for Revisions {
    type Request = v1::WatchUpdatesRequest;
    type Response = v1::WatchUpdatesResponse;
    const RPC: Rpc = Rpc::question("/tallywire.v1.RealtimeService/WatchUpdates");

    fn request(&mut self) -> v1::WatchUpdatesRequest {
        // A revision that was cut off comes again.
        self.begun = None;
        self.request.clone()
    }

    fn take(&mut self, message: v1::WatchUpdatesResponse) -> Result<Option<v1::WatchUpdatesResponse>> {
        let expected = self.expected(&message);
        if expected.is_some_and(|expected| expected != message.revision) {
            return Err(Error::out_of_sequence(
                "a revision that does not follow",
                expected,
                message.revision,
            ));
        }
        let message = match self.begun.take() {
            None => message,
            Some(mut begun) => {
                begun.changes.extend(message.changes);
                begun.events.extend(message.events);
                v1::WatchUpdatesResponse {
                    more: message.more,
                    resume_token: message.resume_token,
                    ..begun
                }
            }
        };
        if message.more {
            self.begun = Some(message);
            return Ok(None);
        }
        if message.resume_token.is_empty() {
            return Err(Error::out_of_sequence(
                "a message without a token",
                None,
                message.revision,
            ));
        }
        self.revision = Some(message.revision);
        self.request.resume_after.clone_from(&message.resume_token);
        Ok((self.bookmarks || !message.bookmark).then_some(message))
    }

    fn token(&self) -> &str {
        &self.request.resume_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn update(revision: i64) -> v1::WatchUpdatesResponse {
        v1::WatchUpdatesResponse {
            revision,
            resume_token: format!("t{revision}"),
            ..Default::default()
        }
    }

    fn piece(revision: i64, measure: &str) -> v1::WatchUpdatesResponse {
        let changes = vec![v1::MeasureChange {
            measure: measure.into(),
            ..Default::default()
        }];
        v1::WatchUpdatesResponse {
            revision,
            changes,
            more: true,
            ..Default::default()
        }
    }

    #[test]
    fn revisions_follow_each_other_and_move_the_token() {
        let mut seen = Revisions::new(v1::WatchUpdatesRequest {
            resume_after: "t6".into(),
            ..Default::default()
        });
        assert_eq!(seen.token(), "t6");
        assert_eq!(seen.take(update(7)).unwrap(), Some(update(7)));
        let bookmark = v1::WatchUpdatesResponse {
            bookmark: true,
            resume_token: "b".into(),
            ..update(7)
        };
        assert_eq!(seen.take(bookmark).unwrap(), None);
        assert_eq!(seen.token(), "b");
        assert_eq!(seen.take(update(8)).unwrap(), Some(update(8)));
        assert_eq!(seen.request().resume_after, "t8");
        for wrong in [8, 10] {
            let error = seen.take(update(wrong)).unwrap_err();
            assert_eq!(
                (error.kind(), error.metadata()["expected"].as_str()),
                (ErrorKind::OutOfSequence, "9")
            );
        }
    }

    #[test]
    fn pieces_are_put_together_and_one_that_was_cut_off_is_forgotten() {
        let mut seen = Revisions::new(v1::WatchUpdatesRequest::default());
        assert_eq!(seen.take(piece(3, "a")).unwrap(), None);
        seen.request();
        assert_eq!(seen.take(piece(3, "a")).unwrap(), None);
        let last = v1::WatchUpdatesResponse {
            more: false,
            resume_token: "t3".into(),
            ..piece(3, "b")
        };
        let whole = seen.take(last).unwrap().unwrap();
        let measures: Vec<_> = whole.changes.iter().map(|change| change.measure.as_str()).collect();
        assert_eq!(
            (measures, whole.resume_token.as_str(), whole.more),
            (vec!["a", "b"], "t3", false)
        );
    }

    #[test]
    fn a_piece_of_another_revision_and_a_message_without_a_token_are_errors() {
        let mut seen = Revisions::new(v1::WatchUpdatesRequest::default());
        assert_eq!(seen.take(piece(3, "a")).unwrap(), None);
        assert_eq!(seen.take(piece(4, "b")).unwrap_err().kind(), ErrorKind::OutOfSequence);
        let mut seen = Revisions::new(v1::WatchUpdatesRequest::default());
        let without = v1::WatchUpdatesResponse {
            resume_token: String::new(),
            ..update(1)
        };
        assert_eq!(seen.take(without).unwrap_err().kind(), ErrorKind::OutOfSequence);
    }

    #[test]
    fn states_never_go_back() {
        let state = |revision| {
            let state = Some(v1::RealtimeState::default());
            v1::WatchMetricsResponse { revision, state }
        };
        let mut seen = States::new(v1::WatchMetricsRequest::default());
        assert!(seen.take(state(5)).unwrap().is_some());
        assert!(seen.take(state(4)).unwrap().is_none());
        assert!(
            seen.take(v1::WatchMetricsResponse {
                revision: 6,
                state: None
            })
            .unwrap()
            .is_none()
        );
        seen.heartbeats = true;
        assert!(
            seen.take(v1::WatchMetricsResponse {
                revision: 6,
                state: None
            })
            .unwrap()
            .is_some()
        );
        seen.take(state(5)).unwrap();
        seen.behind_since = Instant::now().checked_sub(Duration::from_secs(61));
        assert_eq!(seen.take(state(5)).unwrap_err().kind(), ErrorKind::OutOfSequence);
    }
}
