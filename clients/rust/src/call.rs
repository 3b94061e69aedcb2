//! One call of an RPC: its attempts, the bytes that it sends, and the codec for these.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use futures_core::Stream;
use http::uri::PathAndQuery;
use prost::Message;
use prost::bytes::{BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::batch::Stamp;
use crate::connection::RECEIVE_LIMIT;
use crate::error::{Error, Origin};
use crate::retry::{Attempts, Policy};
use crate::{Client, status};

/// An RPC of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rpc {
    /// Its path, with the slash in front.
    pub(crate) path: &'static str,
    /// What is tried again.
    pub(crate) policy: Policy,
    /// How long one attempt may take.
    pub(crate) attempt: Duration,
}

const ATTEMPT: Duration = Duration::from_secs(30);
const ATTEMPT_WITH_ONE_EVENT: Duration = Duration::from_secs(10);

impl Rpc {
    /// What changes nothing.
    pub(crate) const fn question(path: &'static str) -> Self {
        Self {
            path,
            policy: Policy::Question,
            attempt: ATTEMPT,
        }
    }

    /// What must not be done twice.
    pub(crate) const fn change(path: &'static str) -> Self {
        Self {
            path,
            policy: Policy::Change,
            attempt: ATTEMPT,
        }
    }

    /// What is safe to do twice, since events are known by their ids.
    pub(crate) const fn events(path: &'static str) -> Self {
        Self {
            path,
            policy: Policy::Events,
            attempt: ATTEMPT,
        }
    }
}

/// One event by itself.
pub(crate) const TRACK_EVENT: Rpc = Rpc {
    attempt: ATTEMPT_WITH_ONE_EVENT,
    ..Rpc::events("/tallywire.v1.EventService/TrackEvent")
};
/// A batch.
pub(crate) const TRACK_EVENTS: Rpc = Rpc::events("/tallywire.v1.EventService/TrackEvents");
/// Batches over one stream, which is replaced after two minutes, so that one that died silently is noticed.
pub(crate) const STREAM_EVENTS: Rpc = Rpc {
    attempt: Duration::from_secs(120),
    ..Rpc::events("/tallywire.v1.EventService/StreamEvents")
};
/// A batch of a tracker.
pub(crate) const TRACK_IN_BACKGROUND: Rpc = Rpc {
    policy: Policy::Tracker,
    ..TRACK_EVENTS
};

/// A request as bytes. Pieces of a message one after the other are the message: so a batch is the bytes of its events,
/// and the time of sending is put behind them, anew for each attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) pieces: Vec<Bytes>,
    /// Makes the piece that says when the attempt is sent.
    pub(crate) stamp: Option<Stamp>,
}

impl Body {
    pub(crate) fn of(message: &impl Message) -> Self {
        Self {
            pieces: vec![message.encode_to_vec().into()],
            stamp: None,
        }
    }

    /// The body of one attempt.
    fn stamped(&self) -> Vec<Bytes> {
        self.pieces
            .iter()
            .cloned()
            .chain(self.stamp.map(Stamp::bytes))
            .collect()
    }
}

impl Client {
    /// The answer to a question or a change, tried again as long as that helps and time is left.
    pub(crate) async fn unary<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        request: &impl Message,
    ) -> Result<R, Error> {
        self.send(rpc, &Body::of(request), self.timeout()).await
    }

    /// The answer to a request as bytes.
    pub(crate) async fn send<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        body: &Body,
        timeout: Duration,
    ) -> Result<R, Error> {
        let tries = Attempts::new(rpc.policy, Instant::now().checked_add(timeout), rpc.attempt);
        tokio::select! {
            biased;
            () = self.closed() => Err(Error::closed("the client")),
            answer = self.attempts(rpc, body, tries) => answer,
        }
    }

    async fn attempts<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        body: &Body,
        mut tries: Attempts,
    ) -> Result<R, Error> {
        loop {
            let slot = if rpc.policy == Policy::Events {
                match self.pacer().slot(tries.left() / 2).await {
                    Ok(slot) => Some(slot),
                    Err(refusal) => return Err(tries.given_up(refusal)),
                }
            } else {
                None
            };
            let answer = self.attempt(rpc, body, tries.next_timeout(), &tries).await;
            if let Some(slot) = slot {
                slot.end(answer.as_ref().err());
            }
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => tokio::time::sleep(tries.after(error)?).await,
            }
        }
    }

    /// One attempt.
    async fn attempt<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        body: &Body,
        timeout: Duration,
        tries: &Attempts,
    ) -> Result<R, Error> {
        let begun = Instant::now();
        let work = async {
            let link = self.connections().pick();
            // Never closed, so there is always a slot in the end.
            let _slot = link.calls.acquire().await;
            let mut request = self.request(body);
            request.set_timeout(timeout.saturating_sub(begun.elapsed()));
            let mut grpc = ready(link.channel()).await?;
            grpc.unary(request, PathAndQuery::from_static(rpc.path), BytesCodec::default())
                .await
        };
        let late = || {
            let origin = if tries.left().is_zero() {
                Origin::Caller
            } else {
                Origin::Attempt
            };
            Error::new(origin, Code::DeadlineExceeded, format!("no answer within {timeout:?}"))
        };
        match tokio::time::timeout(timeout, work).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if is_deadline(&status) && begun.elapsed() + CLOCK_GRAIN >= timeout => Err(late()),
            Ok(Err(status)) => Err(status::classify(&status)),
            Err(_) => Err(late()),
        }
    }

    /// The stream of a server, as it is: without retries and without a deadline.
    pub(crate) async fn stream<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        request: &impl Message,
    ) -> Result<Streaming<R>, Error> {
        let opening = async {
            let request = self.request(&Body::of(request));
            let mut grpc = ready(self.connections().pick().channel()).await?;
            grpc.server_streaming(request, PathAndQuery::from_static(rpc.path), BytesCodec::default())
                .await
        };
        tokio::select! {
            biased;
            () = self.closed() => Err(Error::closed("the client")),
            opened = opening => match opened {
                Ok(answer) => Ok(answer.into_inner()),
                Err(status) => Err(status::classify(&status)),
            }
        }
    }

    /// A stream in both directions, as it is. It is open once the server has said something.
    pub(crate) async fn duplex<R: Message + Default + 'static>(
        &self,
        rpc: &Rpc,
        outgoing: impl Stream<Item = Vec<Bytes>> + Send + 'static,
        timeout: Duration,
    ) -> Result<Streaming<R>, Error> {
        let mut request = self.authorized(outgoing);
        request.set_timeout(timeout);
        let opening = async {
            let mut grpc = ready(self.connections().pick().channel()).await?;
            grpc.streaming(request, PathAndQuery::from_static(rpc.path), BytesCodec::default())
                .await
        };
        match opening.await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(status::classify(&status)),
        }
    }

    fn request(&self, body: &Body) -> Request<Vec<Bytes>> {
        self.authorized(body.stamped())
    }

    fn authorized<T>(&self, sent: T) -> Request<T> {
        let mut request = Request::new(sent);
        request
            .metadata_mut()
            .insert("authorization", self.connections().authorization());
        request
    }
}

/// Timers count whole milliseconds: what comes so shortly before the deadline is the deadline.
const CLOCK_GRAIN: Duration = Duration::from_millis(5);

/// Whether a status may be that of a deadline which passed here or at the server, and of nobody's words.
fn is_deadline(status: &Status) -> bool {
    matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) && status.details().is_empty()
}

async fn ready(channel: Channel) -> Result<Grpc<Channel>, Status> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(RECEIVE_LIMIT);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(grpc)
}

/// Sends bytes and receives messages.
#[derive(Debug)]
struct BytesCodec<R>(PhantomData<fn() -> R>);

impl<R> Default for BytesCodec<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Message + Default + 'static> Codec for BytesCodec<R> {
    type Encode = Vec<Bytes>;
    type Decode = R;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<R> Encoder for BytesCodec<R> {
    type Item = Vec<Bytes>;
    type Error = Status;

    fn encode(&mut self, pieces: Vec<Bytes>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(pieces.iter().map(Bytes::len).sum());
        for piece in pieces {
            buffer.put(piece);
        }
        Ok(())
    }
}

impl<R: Message + Default> Decoder for BytesCodec<R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        R::decode(buffer)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
