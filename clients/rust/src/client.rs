//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::address::IntoAddresses;
use crate::batch::{self, Encoded, Part};
use crate::call::{self, Rpc};
use crate::connection::{Connections, Options};
use crate::context::{EventContext, Scoped};
use crate::error::Result;
use crate::events::IntoEvent;
use crate::pacing::Pacer;
use crate::server_stream::ServerStream;
use crate::tracker::TrackerBuilder;
use crate::v1;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client: it tracks events and reads figures over one connection, which opens with the first call.
///
/// Clones are cheap and share the connection. Calls are tried again as the
/// documentation of the [crate] tells; a call that is dropped is cancelled at the server.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    timeout: Duration,
}

struct Shared {
    connections: Connections,
    pacer: Pacer,
    closed: watch::Sender<bool>,
    correct_clock: bool,
    options: Options,
}

/// How a [`Client`] or a [`Tracker`](crate::Tracker) reaches the service.
#[derive(Clone, Debug)]
#[must_use = "nothing is made before build()"]
pub struct ClientBuilder {
    options: Options,
    timeout: Duration,
    correct_clock: bool,
}

impl Client {
    /// A client of the server at `address` (`host:port`, or several of them), with the defaults of
    /// [`ClientBuilder`].
    ///
    /// The error tells what is wrong with the arguments; nothing is connected yet.
    pub fn new(addresses: impl IntoAddresses, api_key: impl Into<String>) -> Result<Self> {
        Self::builder(addresses, api_key).build()
    }

    /// A client with other options.
    pub fn builder(addresses: impl IntoAddresses, api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            options: Options {
                addresses: addresses.into_addresses(),
                key: api_key.into(),
                root_certificates: None,
                certificate_chain: None,
                private_key: None,
                insecure: false,
                connections: 1,
            },
            timeout: TIMEOUT,
            correct_clock: false,
        }
    }

    /// The same client, over the same connection, whose calls take at most `timeout`, all attempts together.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            timeout,
        }
    }

    /// A tracker over the connection of this client.
    pub fn tracker(&self) -> TrackerBuilder {
        TrackerBuilder::over(self.clone())
    }

    /// Stores one event, and returns whether it is new (ACCEPTED) or was stored before (DUPLICATE).
    ///
    /// A refused event is an error. When the error's [`outcome_unknown`](crate::Error::outcome_unknown) is true, track the
    /// *same* event again: its id makes that safe.
    pub async fn track(&self, event: impl IntoEvent) -> Result<v1::EventResult> {
        let event = Encoded::of(event.into_event()?);
        let id = event.id.clone();
        let answer: v1::TrackEventResponse = self.send_one(event, false).await?;
        Ok(answer.result.unwrap_or_else(|| v1::EventResult {
            event_id: id,
            ..Default::default()
        }))
    }

    /// Stores any number of events, and returns a result for each, in their order: some may be rejected.
    ///
    /// They go in parts of at most 1,000 events, one after the other, each with the whole timeout. If a part fails, the
    /// error has the [results](crate::Error::results) of those before it. No event is sent if one of them cannot be built.
    pub async fn track_batch<E: IntoEvent>(&self, events: impl IntoIterator<Item = E>) -> Result<Vec<v1::EventResult>> {
        let events = events.into_iter().map(|event| event.into_event().map(Encoded::of));
        let events = events.collect::<Result<Vec<_>>>()?;
        let mut results = Vec::with_capacity(events.len());
        for part in batch::parts(events) {
            match part {
                Part::TooLarge(result) => results.push(result),
                Part::Request(events) => {
                    let body = batch::many(&events, self.corrects_clock());
                    let sent = self
                        .send::<v1::TrackEventsResponse>(&call::TRACK_EVENTS, &body, self.timeout)
                        .await;
                    match sent {
                        Ok(answer) => results.extend(answer.results),
                        Err(error) => return Err(error.with_results(results)),
                    }
                }
            }
        }
        Ok(results)
    }

    /// TrackEvent stores one event, and answers as the contract says; [`track`](Self::track) is the same for people.
    ///
    /// An event without an id gets one, and `sent_at` is what this machine's clock shows at each attempt.
    pub async fn track_event(&self, request: impl Into<v1::TrackEventRequest>) -> Result<v1::TrackEventResponse> {
        let request = request.into();
        self.send_one(Encoded::of(request.event.unwrap_or_default()), request.correct_clock)
            .await
    }

    /// TrackEvents stores up to 1,000 events with one call; [`track_batch`](Self::track_batch) takes any number.
    ///
    /// Events without an id get one, and `sent_at` is what this machine's clock shows at each attempt.
    pub async fn track_events(&self, request: impl Into<v1::TrackEventsRequest>) -> Result<v1::TrackEventsResponse> {
        let request = request.into();
        let events: Vec<Encoded> = request.events.into_iter().map(Encoded::of).collect();
        let body = batch::many(&events, self.corrects_clock() || request.correct_clock);
        self.send(&call::TRACK_EVENTS, &body, self.timeout).await
    }

    /// What is about one conversation: events that are made through it carry its id and what else is set.
    ///
    /// ```no_run
    /// # async fn example(client: tallywire::Client) -> tallywire::Result<()> {
    /// use tallywire::events;
    ///
    /// let conversation = client.conversation("c1").agent("support-bot").user("u1").channel("web");
    /// conversation.track(events::conversation_started()).await?;
    /// conversation.track(events::message_sent().response_time_ms(820)).await?;
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

    /// Ends calls and subscriptions that are under way, and refuses later ones, of all clones; they end with CANCELLED.
    ///
    /// Closing again does nothing. A client that is merely dropped closes its connection once nothing uses it any more.
    pub fn close(&self) {
        self.shared.closed.send_replace(true);
    }

    /// Returns once the client is closed.
    pub(crate) async fn closed(&self) {
        let mut closed = self.shared.closed.subscribe();
        // The sender is kept by this client.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    async fn send_one(&self, event: Encoded, correct_clock: bool) -> Result<v1::TrackEventResponse> {
        let body = batch::one(event, self.corrects_clock() || correct_clock);
        self.send(&call::TRACK_EVENT, &body, self.timeout).await
    }

    pub(crate) async fn open_stream<R>(&self, rpc: &Rpc, request: &impl prost::Message) -> Result<ServerStream<R>>
    where
        R: prost::Message + Default + 'static,
    {
        Ok(ServerStream::new(self.stream(rpc, request).await?, self.clone()))
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.shared.connections
    }

    pub(crate) fn pacer(&self) -> &Pacer {
        &self.shared.pacer
    }

    /// A client of the same service with connections of its own.
    pub(crate) fn apart(&self) -> Result<Self> {
        let options = self.shared.options.clone();
        ClientBuilder {
            options,
            timeout: self.timeout,
            correct_clock: self.corrects_clock(),
        }
        .build()
    }

    pub(crate) fn corrects_clock(&self) -> bool {
        self.shared.correct_clock
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("addresses", &self.shared.connections)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// The certificates of the authorities that are trusted, as PEM, in the place of the system's.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.root_certificates = Some(pem.into());
        self
    }

    /// The client's own certificates and their private key, as PEM, for mutual TLS.
    pub fn identity(self, certificate_chain: impl Into<Vec<u8>>, private_key: impl Into<Vec<u8>>) -> Self {
        self.certificate_chain(certificate_chain).private_key(private_key)
    }

    /// The client's own certificates, as PEM; they need [`private_key`](Self::private_key).
    pub fn certificate_chain(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.certificate_chain = Some(pem.into());
        self
    }

    /// The private key of the client's certificates, as PEM.
    pub fn private_key(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.options.private_key = Some(pem.into());
        self
    }

    /// Plaintext to any address. Without it, only loopback addresses and unix sockets are called in plaintext.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.options.insecure = insecure;
        self
    }

    /// How many connections there are to each address; calls use them in turn. One unless set.
    ///
    /// The processes of a server share its port by connections, so several reach several of them.
    pub fn connections(mut self, connections: usize) -> Self {
        self.options.connections = connections;
        self
    }

    /// How long a call may take, all its attempts together. 30 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks the server to move the times of events by what this machine's clock is off: for devices whose clocks are
    /// known to be wrong, never for events whose times were recorded elsewhere.
    pub fn correct_clock(mut self, correct_clock: bool) -> Self {
        self.correct_clock = correct_clock;
        self
    }

    /// The client. The error tells what is wrong with the arguments; nothing is connected yet.
    pub fn build(self) -> Result<Client> {
        let shared = Shared {
            connections: Connections::new(&self.options)?,
            pacer: Pacer::default(),
            closed: watch::Sender::new(false),
            correct_clock: self.correct_clock,
            options: self.options,
        };
        Ok(Client {
            shared: Arc::new(shared),
            timeout: self.timeout,
        })
    }

    /// A tracker with a connection of its own.
    pub fn tracker(self) -> TrackerBuilder {
        TrackerBuilder::with(self)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
