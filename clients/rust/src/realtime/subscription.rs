//! A stream of a server that is replaced when it ends.

use std::time::{Duration, Instant};

use tonic::{Code, Streaming};

use super::progress::Progress;
use crate::client::Client;
use crate::error::{Error, Origin, Result};
use crate::retry::{Attempts, Policy};
use crate::status;

/// Messages come every 15 seconds at least: a connection that is silent for longer than this has died without telling.
const SILENCE: Duration = Duration::from_secs(45);
/// A connection ends by its age every few minutes; nobody needs to be told.
const ROUTINE: &str = "STREAM_AGE";

type OnRetry = Box<dyn Fn(&Error, Duration) + Send>;

/// What a caller may choose.
pub(super) struct Settings {
    pub(super) silence: Duration,
    pub(super) retry_for: Option<Duration>,
    pub(super) on_retry: Option<OnRetry>,
}

/// A subscription and its connection, if it has one.
pub(super) struct Subscription<P: Progress> {
    client: Client,
    pub(super) progress: P,
    pub(super) settings: Settings,
    call: Option<Streaming<P::Response>>,
    /// Whether a message has ever come.
    has_heard: bool,
    /// The attempts to connect since the last message.
    tries: Option<Attempts>,
}

impl<P: Progress> Subscription<P> {
    pub(super) fn new(client: Client, progress: P) -> Self {
        let settings = Settings {
            silence: SILENCE,
            retry_for: None,
            on_retry: None,
        };
        Self {
            client,
            progress,
            settings,
            call: None,
            has_heard: false,
            tries: None,
        }
    }

    /// The next message to deliver; waits through lost connections.
    pub(super) async fn next(&mut self) -> Result<P::Response> {
        let client = self.client.clone();
        tokio::select! {
            biased;
            () = client.closed() => Err(Error::closed("the client")),
            next = self.next_of_any_connection() => next,
        }
    }

    async fn next_of_any_connection(&mut self) -> Result<P::Response> {
        loop {
            match self.received().await {
                Ok(message) => {
                    self.has_heard = true;
                    self.tries = None;
                    if let Some(message) = self.progress.take(message)? {
                        return Ok(message);
                    }
                }
                Err(error) => {
                    self.call = None;
                    let wait = self.wait_before_retry(error)?;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The next message of the connection, which is opened if there is none; or how it has ended.
    async fn received(&mut self) -> Result<P::Response> {
        let silence = self.settings.silence;
        let message = tokio::time::timeout(silence, async {
            let call = match &mut self.call {
                Some(call) => call,
                none => none.insert(self.client.stream(&P::RPC, &self.progress.request()).await?),
            };
            call.message().await.map_err(|status| status::classify(&status))
        });
        match message.await {
            Ok(Ok(Some(message))) => Ok(message),
            Ok(Ok(None)) => Err(Error::connection("the server ended the stream")),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::connection(format!("nothing was heard for {silence:?}"))),
        }
    }

    /// The time until the next connection; the error itself if it is final.
    fn wait_before_retry(&mut self, error: Error) -> Result<Duration> {
        if !self.may_go_on(&error) {
            return Err(error);
        }
        let routine = error.reason() == ROUTINE;
        let told = (!routine && self.settings.on_retry.is_some()).then(|| error.clone());
        let retry_for = self.settings.retry_for;
        // Time runs from the first failure in a row.
        let tries = self.tries.get_or_insert_with(|| {
            Attempts::new(
                Policy::Connection,
                retry_for.and_then(|time| Instant::now().checked_add(time)),
                Duration::MAX,
            )
        });
        let wait = tries.after(error)?;
        if let (Some(on_retry), Some(error)) = (&self.settings.on_retry, told) {
            on_retry(&error, wait);
        }
        Ok(wait)
    }

    fn may_go_on(&self, error: &Error) -> bool {
        match error.origin() {
            Origin::Connection => true,
            Origin::Service => match (error.code(), error.reason()) {
                (Code::Unavailable, _) | (_, "SLOW_CONSUMER" | "DEADLINE") => true,
                // A limit is final for who begins, and waited for by who goes on.
                (Code::ResourceExhausted, _) => error.has_retry_info() && self.has_heard,
                _ => false,
            },
            _ => false,
        }
    }
}
