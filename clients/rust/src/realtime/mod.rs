//! Figures of now, and every update: streams that outlast servers.

mod progress;
mod subscription;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::v1;

use progress::{Progress, Revisions, States};
use subscription::{Settings, Subscription};

macro_rules! subscription {
    ($(#[$about:meta])* $name:ident, $progress:ident, $response:ident, $extra:ident, $about_extra:literal) => {
        $(#[$about])*
        #[must_use = "nothing is asked for before the first message is"]
        pub struct $name(Lazy<$progress>);

        impl $name {
            #[doc = $about_extra]
            pub fn $extra(mut self, wanted: bool) -> Self {
                if let Some(subscription) = &mut self.0.subscription {
                    subscription.progress.$extra = wanted;
                }
                self
            }

            /// How long a connection may be silent before it is replaced: 45 seconds unless set, three times what the
            /// service lets pass at most.
            pub fn silence(mut self, silence: Duration) -> Self {
                self.0.settings(|settings| settings.silence = silence);
                self
            }

            /// For how long it tries to connect again, before its error ends the stream. For ever unless set.
            pub fn retry_for(mut self, retry_for: Duration) -> Self {
                self.0.settings(|settings| settings.retry_for = Some(retry_for));
                self
            }

            /// Is called with the error that a connection has ended with, and the time until the next one. It must not
            /// block.
            pub fn on_retry(mut self, on_retry: impl Fn(&Error, Duration) + Send + 'static) -> Self {
                self.0.settings(|settings| settings.on_retry = Some(Box::new(on_retry)));
                self
            }

            /// The next message; it comes to an end only by an error. A call that is dropped loses nothing.
            pub async fn next(&mut self) -> Option<Result<v1::$response>> {
                std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
            }
        }

        impl Stream for $name {
            type Item = Result<v1::$response>;

            fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.0.poll(context)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

subscription! {
    /// The newest state of realtime figures, at once and whenever it has changed: a [`Stream`], see [`Client::watch`].
    ///
    /// Options are set before the first message is asked for. Dropping it ends the call.
    Watch, States, WatchMetricsResponse, heartbeats,
    "Whether heartbeats come, too: messages without a state, when nothing has changed for 15 seconds."
}

subscription! {
    /// Every revision of the organization once, in order, whole: a [`Stream`], see [`Client::updates`].
    ///
    /// Options are set before the first message is asked for. Dropping it ends the call.
    Updates, Revisions, WatchUpdatesResponse, bookmarks,
    "Whether bookmarks come, too: tokens without a revision, when nothing has happened for 15 seconds."
}

impl Updates {
    /// The token after the last message that was delivered, to go on after it another time. Before the first message it
    /// is that of the request.
    #[must_use]
    pub fn resume_token(&self) -> &str {
        &self.0.token
    }
}

impl Client {
    /// What is happening now: the newest state at once, and again whenever it has changed.
    ///
    /// It outlasts servers: a connection that is lost or silent is replaced, after a wait with jitter, for as long as it
    /// takes. It never goes back to an older revision, and a slow reader gets the newest state. An error ends it.
    pub fn watch(&self, request: impl Into<v1::WatchMetricsRequest>) -> Watch {
        Watch(Lazy::new(Subscription::new(self.clone(), States::new(request.into()))))
    }

    /// Every revision of the organization, once, in order, without a gap, and whole: those after `resume_after` of the
    /// request, or those from now on.
    ///
    /// It outlasts servers as [`watch`](Self::watch) does, and goes on after the last revision that it delivered. A
    /// revision that does not follow the last one is the error
    /// [`OutOfSequence`](crate::ErrorKind::OutOfSequence); a token that is too old is
    /// [`Compacted`](crate::ErrorKind::Compacted), and one from before a restore
    /// [`Restored`](crate::ErrorKind::Restored).
    pub fn updates(&self, request: impl Into<v1::WatchUpdatesRequest>) -> Updates {
        Updates(Lazy::new(Subscription::new(
            self.clone(),
            Revisions::new(request.into()),
        )))
    }
}

type Step<P> = Pin<Box<dyn Future<Output = (Box<Subscription<P>>, Result<<P as Progress>::Response>)> + Send>>;

/// A subscription as a stream. It is here between two steps, and in the step during one; and nowhere after an error.
struct Lazy<P: Progress> {
    subscription: Option<Box<Subscription<P>>>,
    step: Option<Step<P>>,
    token: String,
}

impl<P: Progress> Lazy<P> {
    fn new(subscription: Subscription<P>) -> Self {
        let token = subscription.progress.token().to_owned();
        Self {
            subscription: Some(Box::new(subscription)),
            step: None,
            token,
        }
    }

    fn settings(&mut self, change: impl FnOnce(&mut Settings)) {
        if let Some(subscription) = &mut self.subscription {
            change(&mut subscription.settings);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<P::Response>>> {
        if let Some(mut subscription) = self.subscription.take() {
            self.step = Some(Box::pin(async move {
                let next = subscription.next().await;
                (subscription, next)
            }));
        }
        let Some(step) = &mut self.step else {
            return Poll::Ready(None);
        };
        let (subscription, next) = ready!(step.as_mut().poll(context));
        self.step = None;
        if next.is_ok() {
            subscription.progress.token().clone_into(&mut self.token);
            self.subscription = Some(subscription);
        }
        Poll::Ready(Some(next))
    }
}
