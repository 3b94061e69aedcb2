//! Tracking for programs that must neither wait nor fail: a bounded buffer, and a task that sends what is in it.

mod buffer;
mod losses;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::address::IntoAddresses;
use crate::batch::{Encoded, MAX_EVENTS};
use crate::client::{Client, ClientBuilder};
use crate::context::{EventContext, Scoped};
use crate::error::{Error, Result};
use crate::events::IntoEvent;
use crate::v1;

pub use buffer::Stats;
use losses::Losses;
pub use losses::Lost;
use worker::Worker;

/// How long a tracker that is dropped goes on sending.
const AFTER_DROP: Duration = Duration::from_secs(5);

/// A recorder of events that never waits and never fails: a task sends them in the background.
///
/// The task runs on the tokio runtime in which the tracker is made; outside of one it is a thread with a small runtime of
/// its own. At the end of a program, [`close`](Self::close) the tracker: what a runtime that ends takes with it is lost.
/// A tracker that is dropped sends what it holds for up to five seconds, if its runtime lives that long. Losses are
/// logged by `tracing`, with numbers and reasons, in one line a minute at most.
///
/// Clones are cheap, and all are the same tracker.
///
/// ```no_run
/// # async fn example(key: &str) -> tallywire::Result<()> {
/// use std::time::Duration;
/// use tallywire::{Tracker, events};
///
/// let tracker = Tracker::new("127.0.0.1:50051", key)?;
/// tracker.track(events::message_sent().agent_id("support-bot").response_time_ms(820));
/// tracker.close(Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tracker(Arc<Owner>);

/// Ends the work when the last tracker goes.
struct Owner {
    worker: Arc<Worker>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.worker.begin_close(AFTER_DROP);
    }
}

/// The options of a [`Tracker`].
#[must_use = "nothing is made before build()"]
pub struct TrackerBuilder {
    source: Source,
    options: Options,
    on_lost: Option<OnLost>,
}

pub(crate) type OnLost = Box<dyn Fn(&Lost) + Send + Sync>;

#[derive(Debug)]
enum Source {
    New(ClientBuilder),
    Shared(Client),
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    max_events: usize,
    max_bytes: usize,
    batch_size: usize,
    flush_interval: Duration,
    retry_for: Duration,
}

impl Tracker {
    /// A tracker with the defaults of [`TrackerBuilder`] and a connection of its own.
    pub fn new(addresses: impl IntoAddresses, api_key: impl Into<String>) -> Result<Self> {
        Client::builder(addresses, api_key).tracker().build()
    }

    /// A tracker with other options.
    pub fn builder(addresses: impl IntoAddresses, api_key: impl Into<String>) -> TrackerBuilder {
        Client::builder(addresses, api_key).tracker()
    }

    /// Takes an event in, and returns whether it was taken. One that was not is counted, see [`stats`](Self::stats).
    pub fn track(&self, event: impl IntoEvent) -> bool {
        self.take(event.into_event())
    }

    pub(crate) fn take(&self, event: Result<v1::Event>) -> bool {
        match event.map(Encoded::of) {
            Ok(event) if event.fits() => self.0.worker.put(event),
            Ok(event) => self
                .0
                .worker
                .invalid(event.event(), "the event does not fit in a request"),
            Err(error) => self.0.worker.invalid(None, &error.to_string()),
        }
    }

    /// What is about one conversation: events that are made through it carry its id and what else is set.
    ///
    /// ```no_run
    /// # fn example(tracker: tallywire::Tracker) -> tallywire::Result<()> {
    /// use tallywire::events;
    ///
    /// let conversation = tracker.conversation("c1").agent("support-bot").user("u1").channel("web");
    /// conversation.track(events::conversation_started());
    /// conversation.track(events::message_sent().response_time_ms(820));
    /// # Ok(())
    /// # }
    /// ```
    pub fn conversation(&self, conversation_id: impl Into<String>) -> Scoped<Self> {
        self.within(EventContext::default().conversation(conversation_id))
    }

    /// What is about the same: events that are made through it take what the context says.
    pub fn within(&self, context: EventContext) -> Scoped<Self> {
        Scoped::new(self.clone(), context)
    }

    /// What became of the events so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.worker.stats()
    }

    /// Sends what waits at once; true once every event that was taken before has an outcome, false if the time is over
    /// before.
    pub async fn flush(&self, timeout: Duration) -> bool {
        self.0.worker.flush(timeout).await
    }

    /// Sends what waits for at most `timeout`, then cancels what is under way. Returns whether every event had an outcome
    /// in time. Later events are dropped, and counted; closing again does nothing.
    pub async fn close(&self, timeout: Duration) -> bool {
        self.0.worker.close(timeout).await
    }

    /// [`flush`](Self::flush) for programs without a runtime; it blocks the thread.
    #[must_use]
    pub fn flush_blocking(&self, timeout: Duration) -> bool {
        blocking(self.flush(timeout))
    }

    /// [`close`](Self::close) for programs without a runtime; it blocks the thread.
    // As that of close: many programs end whatever it says.
    #[allow(clippy::must_use_candidate)]
    pub fn close_blocking(&self, timeout: Duration) -> bool {
        blocking(self.close(timeout))
    }
}

/// Waits for what needs a clock and nothing else of a runtime, in a thread of its own: so it works everywhere.
fn blocking(wait: impl Future<Output = bool> + Send) -> bool {
    std::thread::scope(|scope| {
        let thread = scope.spawn(
            || match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => runtime.block_on(wait),
                Err(_) => false,
            },
        );
        thread.join().unwrap_or(false)
    })
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("client", self.0.worker.client())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl TrackerBuilder {
    pub(crate) fn with(client: ClientBuilder) -> Self {
        Self::of(Source::New(client))
    }

    pub(crate) fn over(client: Client) -> Self {
        Self::of(Source::Shared(client))
    }

    fn of(source: Source) -> Self {
        let options = Options {
            max_events: 10_000,
            max_bytes: 16 * 1024 * 1024,
            batch_size: 500,
            flush_interval: Duration::from_secs(1),
            retry_for: Duration::from_secs(300),
        };
        Self {
            source,
            options,
            on_lost: None,
        }
    }

    /// How many events may wait or be under way; one that comes when there are so many is dropped. 10,000 unless set.
    pub fn max_events(mut self, max_events: usize) -> Self {
        self.options.max_events = max_events;
        self
    }

    /// How many bytes of events may wait or be under way. 16 MiB unless set.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.options.max_bytes = max_bytes;
        self
    }

    /// How many events make a batch, 1 to 1,000. So many are sent at once. 500 unless set.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.options.batch_size = batch_size;
        self
    }

    /// How long an event waits for others at most. One second unless set.
    pub fn flush_interval(mut self, flush_interval: Duration) -> Self {
        self.options.flush_interval = flush_interval;
        self
    }

    /// For how long a batch is sent again, with the same ids. 300 seconds unless set.
    pub fn retry_for(mut self, retry_for: Duration) -> Self {
        self.options.retry_for = retry_for;
        self
    }

    /// Is called with each event that is lost, by whoever notices it: it must not block.
    pub fn on_lost(mut self, on_lost: impl Fn(&Lost) + Send + Sync + 'static) -> Self {
        self.on_lost = Some(Box::new(on_lost));
        self
    }

    /// The tracker. The error tells what is wrong with the arguments; nothing fails later.
    pub fn build(self) -> Result<Tracker> {
        let options = self.options;
        if !(1..=MAX_EVENTS).contains(&options.batch_size) {
            return Err(Error::arguments(
                "batch_size",
                format!("1 to {MAX_EVENTS}, not {}", options.batch_size),
            ));
        }
        if options.max_events == 0 || options.max_bytes == 0 {
            return Err(Error::arguments(
                "max_events",
                "max_events and max_bytes are at least 1",
            ));
        }
        let runtime = Handle::try_current().ok();
        let client = match (self.source, &runtime) {
            (Source::New(builder), _) => builder.build()?,
            (Source::Shared(client), Some(_)) => client,
            // A connection belongs to the runtime that it was opened in, and the thread's own ends with the tracker.
            (Source::Shared(client), None) => client.apart()?,
        };
        let worker = Arc::new(Worker::new(options, client, Losses::new(self.on_lost)));
        start(runtime, &worker)?;
        Ok(Tracker(Arc::new(Owner { worker })))
    }
}

/// Starts the background half: as a task of the runtime, or as a thread where there is none.
fn start(runtime: Option<Handle>, worker: &Arc<Worker>) -> Result<()> {
    if let Some(runtime) = runtime {
        runtime.spawn(Arc::clone(worker).run());
        return Ok(());
    }
    let failed = |error: std::io::Error| Error::arguments("runtime", format!("no thread can be started: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let worker = Arc::clone(worker);
    let thread = std::thread::Builder::new().name("tallywire-tracker".into());
    thread
        .spawn(move || runtime.block_on(worker.run()))
        .map(drop)
        .map_err(failed)
}

impl fmt::Debug for TrackerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerBuilder")
            .field("source", &self.source)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
