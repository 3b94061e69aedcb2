//! The answers of a call that has several.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tonic::Streaming;

use crate::error::{Error, Result};
use crate::{Client, status};

/// The answers of a server, as they come: a [`Stream`]. Dropping it ends the call.
///
/// It ends after the last answer, or with an error; nothing is asked for again.
#[must_use = "answers come only to who reads them"]
pub struct ServerStream<T> {
    answers: Option<Streaming<T>>,
    closed: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<T> ServerStream<T> {
    pub(crate) fn new(answers: Streaming<T>, client: Client) -> Self {
        Self {
            answers: Some(answers),
            closed: Box::pin(async move { client.closed().await }),
        }
    }

    /// The next answer; None after the last one. A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<T>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

// Streaming is Unpin, and what is not is in a box.
impl<T> Unpin for ServerStream<T> {}

impl<T> Stream for ServerStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let this = &mut *self;
        let Some(answers) = &mut this.answers else {
            return Poll::Ready(None);
        };
        let next = if this.closed.as_mut().poll(context).is_ready() {
            Some(Err(Error::closed("the client")))
        } else {
            match Pin::new(answers).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next.map(|answer| answer.map_err(|status| status::classify(&status))),
            }
        };
        if !matches!(next, Some(Ok(_))) {
            this.answers = None;
        }
        Poll::Ready(next)
    }
}

impl<T> fmt::Debug for ServerStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStream")
            .field("has_ended", &self.answers.is_none())
            .finish_non_exhaustive()
    }
}
