//! Batches of events over one connection after the other, each acknowledged.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;
use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes};
use tokio::sync::mpsc;
use tonic::{Code, Streaming};

use crate::batch::{Encoded, MAX_BYTES, MAX_EVENTS};
use crate::call::STREAM_EVENTS;
use crate::client::Client;
use crate::error::{Error, Origin, Result};
use crate::events::IntoEvent;
use crate::retry::Attempts;
use crate::{status, time, v1};

/// The server stops reading beyond.
const MOST_UNACKED: usize = 32;
const UNACKED: usize = 16;
const RETRY_FOR: Duration = Duration::from_secs(60);
/// The field `events` of a batch, and the field `batch` of a request, as a tag.
const TAG: u8 = 2 << 3 | 2;

type Batch = Vec<Encoded>;
type Source = Pin<Box<dyn Stream<Item = Result<Batch>> + Send>>;
type Step = Pin<Box<dyn Future<Output = (Box<Sender>, Option<Result<v1::StreamAck>>)> + Send>>;

/// The acknowledgements of batches, in their order: a [`Stream`], see [`Client::stream_events`].
///
/// Options are set before the first acknowledgement is asked for. Dropping it ends the call.
#[must_use = "nothing is sent before the first acknowledgement is asked for"]
pub struct EventStream {
    sender: Option<Box<Sender>>,
    step: Option<Step>,
}

impl Client {
    /// Sends batches over one stream, and returns an acknowledgement for each, in their order, as they come. It is for
    /// programs that have batches of their own, such as those that read a queue: others have a
    /// [`Tracker`](crate::Tracker).
    ///
    /// Up to 16 batches are under way; the next one is taken when there is room. A connection that breaks is replaced,
    /// and what is not acknowledged is sent again with the same ids. The stream ends once the batches have ended and all
    /// are acknowledged, or with an error. A batch of more than 1,000 events or 3.5 MiB, or an event that cannot be
    /// built, is such an error, after the acknowledgements of the batches before it.
    pub fn stream_events<S>(&self, batches: S) -> EventStream
    where
        S: Stream + Send + 'static,
        S::Item: IntoIterator,
        <S::Item as IntoIterator>::Item: IntoEvent,
    {
        EventStream {
            sender: Some(Box::new(Sender::new(
                self.clone(),
                Box::pin(Batches(Box::pin(batches))),
            ))),
            step: None,
        }
    }
}

impl EventStream {
    /// How many batches may be sent and not acknowledged, from 1 to 32 (what is beyond is taken for these). 16 unless set.
    pub fn max_unacked(mut self, batches: usize) -> Self {
        if let Some(sender) = &mut self.sender {
            sender.most = batches.clamp(1, MOST_UNACKED);
        }
        self
    }

    /// How long it tries in a row without a new acknowledgement, before its error ends the stream. A minute unless set.
    pub fn retry_for(mut self, retry_for: Duration) -> Self {
        if let Some(sender) = &mut self.sender {
            sender.retry_for = retry_for;
        }
        self
    }

    /// The next acknowledgement; None after the last one. A call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<v1::StreamAck>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for EventStream {
    type Item = Result<v1::StreamAck>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut sender) = self.sender.take() {
            self.step = Some(Box::pin(async move {
                let next = sender.next().await;
                (sender, next)
            }));
        }
        let Some(step) = &mut self.step else {
            return Poll::Ready(None);
        };
        let (sender, next) = ready!(step.as_mut().poll(context));
        self.step = None;
        if matches!(next, Some(Ok(_))) {
            self.sender = Some(sender);
        }
        Poll::Ready(next)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

/// Batches of the caller as bytes.
struct Batches<S>(Pin<Box<S>>);

impl<S> Stream for Batches<S>
where
    S: Stream,
    S::Item: IntoIterator,
    <S::Item as IntoIterator>::Item: IntoEvent,
{
    type Item = Result<Batch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.0.as_mut().poll_next(context));
        Poll::Ready(next.map(encoded))
    }
}

fn encoded<E: IntoEvent>(events: impl IntoIterator<Item = E>) -> Result<Batch> {
    let events = events.into_iter().map(|event| event.into_event().map(Encoded::of));
    let batch = events.collect::<Result<Batch>>()?;
    if batch.len() > MAX_EVENTS || batch.iter().map(|event| event.size).sum::<usize>() > MAX_BYTES {
        return Err(Error::arguments(
            "batches",
            format!("a batch of a stream is at most {MAX_EVENTS} events and 3.5 MiB"),
        ));
    }
    Ok(batch)
}

/// What goes out on a connection.
struct Outgoing(mpsc::UnboundedReceiver<Vec<Bytes>>);

impl Stream for Outgoing {
    type Item = Vec<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Vec<Bytes>>> {
        self.0.poll_recv(context)
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Streaming<v1::StreamEventsResponse>>> + Send>>;

/// One connection. A server may say nothing before its first acknowledgement, so that it is written before it is open.
struct Connection {
    /// None once everything is sent.
    outgoing: Option<mpsc::UnboundedSender<Vec<Bytes>>>,
    opening: Option<Opening>,
    answers: Option<Streaming<v1::StreamEventsResponse>>,
    end: tokio::time::Instant,
}

impl Connection {
    fn open(client: Client, limit: Duration) -> Self {
        let (outgoing, batches) = mpsc::unbounded_channel();
        let opening = async move { client.duplex(&STREAM_EVENTS, Outgoing(batches), limit).await };
        Self {
            outgoing: Some(outgoing),
            opening: Some(Box::pin(opening)),
            answers: None,
            end: tokio::time::Instant::now() + limit,
        }
    }

    /// What comes next; None at the end in order.
    async fn next(&mut self) -> Result<Option<v1::StreamEventsResponse>> {
        if let Some(opening) = &mut self.opening {
            let answers = opening.await;
            self.opening = None;
            self.answers = Some(answers?);
        }
        match &mut self.answers {
            Some(answers) => answers.message().await.map_err(|status| status::classify(&status)),
            None => Ok(None),
        }
    }
}

/// The batches without an acknowledgement, oldest first, and the connection, if there is one.
struct Sender {
    client: Client,
    source: Option<Source>,
    failure: Option<Error>,
    unacked: VecDeque<(i64, Batch)>,
    /// Of them, on this connection.
    sent: usize,
    last: i64,
    acks: VecDeque<v1::StreamAck>,
    most: usize,
    retry_for: Duration,
    tries: Option<Attempts>,
    connection: Option<Connection>,
}

enum Happened {
    Batch(Option<Result<Batch>>),
    Answer(Result<Option<v1::StreamEventsResponse>>),
    Late,
    Closed,
}

impl Sender {
    fn new(client: Client, source: Source) -> Self {
        Self {
            client,
            source: Some(source),
            failure: None,
            unacked: VecDeque::new(),
            sent: 0,
            last: 0,
            acks: VecDeque::new(),
            most: UNACKED,
            retry_for: RETRY_FOR,
            tries: None,
            connection: None,
        }
    }

    async fn next(&mut self) -> Option<Result<v1::StreamAck>> {
        loop {
            if let Some(ack) = self.acks.pop_front() {
                return Some(Ok(ack));
            }
            if self.is_finished() {
                return self.failure.take().map(Err);
            }
            if let Err(error) = self.step().await {
                return Some(Err(error));
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.source.is_none() && self.unacked.is_empty()
    }

    /// Does what is next; an error is final.
    async fn step(&mut self) -> Result<()> {
        self.connect();
        self.flush();
        match self.happened().await {
            Happened::Batch(Some(Ok(batch))) => {
                self.last += 1;
                self.unacked.push_back((self.last, batch));
                Ok(())
            }
            Happened::Batch(ended) => {
                self.failure = ended.and_then(Result::err);
                self.source = None;
                Ok(())
            }
            Happened::Answer(Ok(Some(response))) => {
                self.acknowledge(response);
                Ok(())
            }
            Happened::Answer(Ok(None)) => self.lost(Error::connection("the server ended the stream early")).await,
            Happened::Answer(Err(error)) => self.lost(error).await,
            Happened::Late => {
                let late = Error::new(
                    Origin::Attempt,
                    Code::DeadlineExceeded,
                    "the connection has had its time",
                );
                self.lost(late).await
            }
            Happened::Closed => Err(Error::closed("the client")),
        }
    }

    /// Opens a connection if there is none.
    fn connect(&mut self) {
        if self.connection.is_none() {
            self.sent = 0;
            let limit = self.tries().next_timeout();
            self.connection = Some(Connection::open(self.client.clone(), limit));
        }
    }

    fn tries(&mut self) -> &mut Attempts {
        let retry_for = self.retry_for;
        self.tries.get_or_insert_with(|| {
            let deadline = Instant::now().checked_add(retry_for);
            Attempts::new(STREAM_EVENTS.policy, deadline, STREAM_EVENTS.attempt)
        })
    }

    /// Sends what was not sent on this connection, and the end once everything is acknowledged.
    fn flush(&mut self) {
        let is_finished = self.is_finished();
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Some(outgoing) = &connection.outgoing {
            for (sequence, batch) in self.unacked.iter().skip(self.sent) {
                // Fails on a connection that has ended, whose answers say why.
                let _ = outgoing.send(pieces(*sequence, batch, self.client.corrects_clock()));
            }
            self.sent = self.unacked.len();
        }
        if is_finished {
            connection.outgoing = None;
        }
    }

    async fn happened(&mut self) -> Happened {
        let has_room = self.unacked.len() < self.most;
        let client = self.client.clone();
        let (Some(connection), source) = (&mut self.connection, &mut self.source) else {
            return Happened::Answer(Ok(None));
        };
        let end = connection.end;
        let batch = async {
            match source {
                Some(source) if has_room => std::future::poll_fn(|context| source.as_mut().poll_next(context)).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = client.closed() => Happened::Closed,
            answer = connection.next() => Happened::Answer(answer),
            batch = batch => Happened::Batch(batch),
            () = tokio::time::sleep_until(end) => Happened::Late,
        }
    }

    fn acknowledge(&mut self, response: v1::StreamEventsResponse) {
        for ack in response.acks {
            if self
                .unacked
                .front()
                .is_some_and(|(sequence, _)| *sequence == ack.sequence)
            {
                self.unacked.pop_front();
                self.sent -= 1;
                self.tries = None; // progress
                self.acks.push_back(ack);
            }
        }
    }

    /// Waits before the next connection; the error is final if there is none.
    async fn lost(&mut self, error: Error) -> Result<()> {
        self.connection = None;
        if self.is_finished() {
            return Ok(());
        }
        if self.unacked.is_empty() {
            self.tries = None; // nothing was outstanding: no failure
        }
        let wait = self.tries().after(error)?;
        let client = self.client.clone();
        tokio::select! {
            biased;
            () = client.closed() => Err(Error::closed("the client")),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }
}

/// The bytes of a request with a batch, stamped with the time of sending.
fn pieces(sequence: i64, batch: &Batch, correct_clock: bool) -> Vec<Bytes> {
    let head = v1::StreamBatch {
        sequence,
        sent_at: Some(time::now()),
        correct_clock,
        ..Default::default()
    };
    let head = head.encode_to_vec();
    let length = head.len() + batch.iter().map(|event| event.bytes.len()).sum::<usize>();
    let mut begin = Vec::with_capacity(head.len() + 8);
    begin.put_u8(TAG);
    prost::encoding::encode_varint(length as u64, &mut begin);
    begin.extend(head);
    let mut pieces = vec![Bytes::from(begin)];
    for event in batch {
        // The same field has another number than in the requests that an event is made for.
        pieces.push(Bytes::from_static(&[TAG]));
        pieces.push(event.bytes.slice(1..));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    #[test]
    fn pieces_one_after_the_other_are_the_request() {
        let batch = encoded([
            events::message_sent().build().unwrap(),
            events::call_ended().build().unwrap(),
        ])
        .unwrap();
        let sent = v1::StreamEventsRequest::decode(pieces(7, &batch, true).concat().as_slice()).unwrap();
        let Some(v1::stream_events_request::Message::Batch(sent)) = sent.message else {
            panic!("{sent:?}")
        };
        assert!(sent.sequence == 7 && sent.correct_clock && sent.sent_at.is_some());
        let ids: Vec<_> = sent.events.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(ids, batch.iter().map(|event| event.id.as_str()).collect::<Vec<_>>());
    }
}
