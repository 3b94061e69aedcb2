//! Events as bytes, and batches of any size as requests that the server takes.

use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes, BytesMut};

use crate::call::Body;
use crate::events::with_id;
use crate::{time, v1};

/// The most events of one request.
pub(crate) const MAX_EVENTS: usize = 1_000;
/// The most bytes of one request: the server takes 4 MiB, headers and framing included.
pub(crate) const MAX_BYTES: usize = 3_670_016;
/// The field `event` of `TrackEventRequest` and `events` of `TrackEventsRequest`, as a tag.
const TAG: u8 = 1 << 3 | 2;

/// An event that is handed over: its id, and its bytes as a field of a request.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) id: String,
    pub(crate) bytes: Bytes,
    /// What it counts for in a request: its bytes, a tag and the longest length.
    pub(crate) size: usize,
}

impl Encoded {
    /// The event with an id, its own or a new one.
    pub(crate) fn of(event: v1::Event) -> Self {
        let event = with_id(event);
        let mut bytes = BytesMut::new();
        bytes.put_u8(TAG);
        // Cannot fail: the buffer grows.
        event
            .encode_length_delimited(&mut bytes)
            .expect("a growing buffer has room");
        Self {
            size: event.encoded_len() + 6,
            id: event.event_id,
            bytes: bytes.freeze(),
        }
    }

    /// Whether it fits in a request at all.
    pub(crate) fn fits(&self) -> bool {
        self.size <= MAX_BYTES
    }

    /// The event itself.
    pub(crate) fn event(&self) -> Option<v1::Event> {
        v1::Event::decode_length_delimited(&self.bytes[1..]).ok()
    }
}

/// Some consecutive events of a batch.
#[derive(Debug)]
pub(crate) enum Part {
    /// To be sent together.
    Request(Vec<Encoded>),
    /// No request can carry it: the result that the server would give.
    TooLarge(v1::EventResult),
}

/// A batch in parts that each fit in a request, in order.
pub(crate) fn parts(batch: impl IntoIterator<Item = Encoded>) -> Vec<Part> {
    let (mut parts, mut gathered, mut total) = (Vec::new(), Vec::new(), 0);
    for event in batch {
        if !gathered.is_empty() && (gathered.len() == MAX_EVENTS || total + event.size > MAX_BYTES) {
            parts.push(Part::Request(std::mem::take(&mut gathered)));
            total = 0;
        }
        if event.fits() {
            total += event.size;
            gathered.push(event);
        } else {
            parts.push(Part::TooLarge(too_large(event.id)));
        }
    }
    if !gathered.is_empty() {
        parts.push(Part::Request(gathered));
    }
    parts
}

/// The request with one event.
pub(crate) fn one(event: Encoded, correct_clock: bool) -> Body {
    Body {
        pieces: vec![event.bytes],
        stamp: Some(Stamp { correct_clock }),
    }
}

/// The request with a batch that fits.
pub(crate) fn many<'a>(events: impl IntoIterator<Item = &'a Encoded>, correct_clock: bool) -> Body {
    let pieces = events.into_iter().map(|event| event.bytes.clone()).collect();
    Body {
        pieces,
        stamp: Some(Stamp { correct_clock }),
    }
}

/// What the client's clock shows when a request is sent, made anew for each attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    correct_clock: bool,
}

impl Stamp {
    /// The fields `sent_at` and `correct_clock`, which have the same numbers in both requests.
    pub(crate) fn bytes(self) -> Bytes {
        let correct_clock = self.correct_clock;
        let stamp = v1::TrackEventsRequest {
            sent_at: Some(time::now()),
            correct_clock,
            ..Default::default()
        };
        stamp.encode_to_vec().into()
    }
}

fn too_large(event_id: String) -> v1::EventResult {
    let rejection = v1::Rejection {
        reason: v1::ErrorReason::EventTooLarge as i32,
        message: "The event does not fit in a request.".into(),
        code: tonic::Code::InvalidArgument as i32,
        ..Default::default()
    };
    let status = v1::EventStatus::Rejected as i32;
    v1::EventResult {
        event_id,
        status,
        rejection: Some(rejection),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    fn encoded(bytes: usize) -> Encoded {
        Encoded::of(
            events::custom("a.b")
                .property("text", "x".repeat(bytes))
                .build()
                .unwrap(),
        )
    }

    fn sizes(parts: &[Part]) -> Vec<usize> {
        parts
            .iter()
            .map(|part| {
                if let Part::Request(events) = part {
                    events.len()
                } else {
                    0
                }
            })
            .collect()
    }

    #[test]
    fn pieces_one_after_the_other_are_the_request() {
        let (first, second) = (
            events::message_sent().build().unwrap(),
            events::call_ended().build().unwrap(),
        );
        let bytes = |body: Body| [body.pieces.concat().as_slice(), &body.stamp.unwrap().bytes()].concat();
        let batch = bytes(many([&Encoded::of(first.clone()), &Encoded::of(second.clone())], true));
        let request = v1::TrackEventsRequest::decode(batch.as_slice()).unwrap();
        assert_eq!(request.events, [first.clone(), second]);
        assert!(request.sent_at.is_some() && request.correct_clock);
        let request = v1::TrackEventRequest::decode(bytes(one(Encoded::of(first.clone()), false)).as_slice()).unwrap();
        assert_eq!((request.event, request.correct_clock), (Some(first.clone()), false));
        assert_eq!(Encoded::of(first.clone()).event(), Some(first));
    }

    #[test]
    fn a_batch_is_split_by_number_and_by_bytes_and_keeps_its_order() {
        assert_eq!(sizes(&parts((0..2_001).map(|_| encoded(1)))), [1_000, 1_000, 1]);
        assert_eq!(sizes(&parts((0..5).map(|_| encoded(1_500_000)))), [2, 2, 1]);
        assert!(parts([]).is_empty());
    }

    #[test]
    fn an_event_that_fits_in_no_request_has_its_result_already() {
        let parts = parts([encoded(1), encoded(4_000_000), encoded(1)]);
        assert_eq!(sizes(&parts), [1, 0, 1]);
        let Part::TooLarge(result) = &parts[1] else {
            panic!("{parts:?}")
        };
        assert_eq!(result.status(), v1::EventStatus::Rejected);
        assert_eq!(
            result.rejection.as_ref().unwrap().reason(),
            v1::ErrorReason::EventTooLarge
        );
    }
}
