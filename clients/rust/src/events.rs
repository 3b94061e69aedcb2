//! Events: a function for each type, whose builder takes the fields that the type has, and no others.
//!
//! ```
//! use tallywire::events;
//!
//! let event = events::message_sent()
//!     .agent_id("support-bot")
//!     .conversation_id("c1")
//!     .response_time_ms(820)
//!     .property("plan", "pro")
//!     .build()?;
//! assert!(!event.event_id.is_empty());
//! # Ok::<(), tallywire::Error>(())
//! ```
//!
//! A field of another type does not compile:
//!
//! ```compile_fail
//! tallywire::events::message_sent().rating(5);
//! ```

use uuid::Uuid;

use crate::context::EventContext;
use crate::error::Error;
use crate::properties::{self, Property};
use crate::time::{self, ToTimestamp};
use crate::v1;

#[path = "generated/builders.rs"]
#[rustfmt::skip]
mod builders;

pub use builders::*;

/// An event of a type of your own, such as `order.placed`: parts of `[a-z0-9_]` with dots between.
///
/// It is counted as a custom event. It may carry the detail of any known type, see [`EventBuilder::detail`].
pub fn custom(event_type: impl Into<String>) -> EventBuilder<NoDetail> {
    EventBuilder::of(event_type)
}

/// What an event carries beside the fields that all events have.
pub trait Detail: Default {
    /// The detail as the contract has it; None if there is none.
    fn into_detail(self) -> Option<v1::event::Detail>;
}

/// The detail of events of your own types, which have none unless it is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDetail;

impl Detail for NoDetail {
    fn into_detail(self) -> Option<v1::event::Detail> {
        None
    }
}

/// An event that is being built. Its methods take the fields of [`Event`](v1::Event) and of the detail `D`.
///
/// The id, a UUIDv7, is made with the builder, and the time of the event is that of [`build`](Self::build) unless said
/// otherwise. A tracker or a client takes builders as they are.
#[derive(Clone, Debug)]
#[must_use = "an event does nothing until it is tracked"]
pub struct EventBuilder<D> {
    event: v1::Event,
    about: EventContext,
    detail: Option<D>,
    wrong: Option<Error>,
}

impl<D: Detail> EventBuilder<D> {
    fn of(event_type: impl Into<String>) -> Self {
        let event = v1::Event {
            event_type: event_type.into(),
            event_id: new_id(),
            ..v1::Event::default()
        };
        Self {
            event,
            about: EventContext::default(),
            detail: None,
            wrong: None,
        }
    }

    /// The event's identity, in the place of a new one: the same event sent again with the same id counts once.
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.event.event_id = event_id.into();
        self
    }

    /// When it happened; cut to microseconds.
    // By value, as every other field.
    #[allow(clippy::needless_pass_by_value)]
    pub fn occurred_at(mut self, occurred_at: impl ToTimestamp) -> Self {
        self.event.occurred_at = Some(occurred_at.to_timestamp());
        self
    }

    /// Who did the work: an AI agent, a bot or a human agent.
    pub fn agent_id(mut self, agent_id: impl Into<String>) -> Self {
        self.about = self.about.agent(agent_id);
        self
    }

    /// Who was served.
    pub fn user_id(mut self, user_id: impl Into<String>) -> Self {
        self.about = self.about.user(user_id);
        self
    }

    /// The conversation that the event belongs to.
    pub fn conversation_id(mut self, conversation_id: impl Into<String>) -> Self {
        self.about = self.about.conversation(conversation_id);
        self
    }

    /// Where it happened: `web`, `whatsapp`, `phone`.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.about = self.about.channel(channel);
        self
    }

    /// The team that the agent worked for.
    pub fn team_id(mut self, team_id: impl Into<String>) -> Self {
        self.about = self.about.team(team_id);
        self
    }

    /// The campaign that the event belongs to.
    pub fn campaign_id(mut self, campaign_id: impl Into<String>) -> Self {
        self.about = self.about.campaign(campaign_id);
        self
    }

    /// The kind of thing that the event is about, such as `document`, and which one of that kind.
    pub fn resource(mut self, resource_type: impl Into<String>, resource_id: impl Into<String>) -> Self {
        self.event.resource_type = resource_type.into();
        self.event.resource_id = resource_id.into();
        self
    }

    /// A property of your own. Whole numbers beyond 2^53 − 1, NaN and infinity are refused when the event is built.
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Property>) -> Self {
        if let Err(error) = properties::put(&mut self.event.properties, name.into(), value.into()) {
            self.wrong.get_or_insert(error);
        }
        self
    }

    /// Several properties.
    pub fn properties<K, V>(self, properties: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<Property>,
    {
        properties
            .into_iter()
            .fold(self, |built, (name, value)| built.property(name, value))
    }

    /// The event. The error names a property that JSON does not keep.
    pub fn build(self) -> Result<v1::Event, Error> {
        self.into_event()
    }

    fn detail_mut(&mut self) -> &mut D {
        self.detail.get_or_insert_default()
    }
}

impl EventBuilder<NoDetail> {
    /// The detail of an event of a type of your own: that of any known type.
    pub fn detail<E: Detail>(self, detail: E) -> EventBuilder<E> {
        EventBuilder {
            event: self.event,
            about: self.about,
            detail: Some(detail),
            wrong: self.wrong,
        }
    }
}

/// What can be tracked: an [`Event`](v1::Event), or a builder of one.
pub trait IntoEvent: Sized {
    /// The event, with what the context adds where it is built only now. The error says what is wrong with it.
    fn into_event_in(self, context: &EventContext) -> Result<v1::Event, Error>;

    /// The event by itself.
    fn into_event(self) -> Result<v1::Event, Error> {
        self.into_event_in(&EventContext::default())
    }
}

impl IntoEvent for v1::Event {
    fn into_event_in(self, _: &EventContext) -> Result<v1::Event, Error> {
        Ok(self)
    }
}

impl IntoEvent for &v1::Event {
    fn into_event_in(self, _: &EventContext) -> Result<v1::Event, Error> {
        Ok(self.clone())
    }
}

impl<D: Detail> IntoEvent for EventBuilder<D> {
    fn into_event_in(self, context: &EventContext) -> Result<v1::Event, Error> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let mut event = self.event;
        self.about.apply(context, &mut event);
        event.occurred_at.get_or_insert_with(time::now);
        event.detail = self.detail.and_then(Detail::into_detail);
        Ok(event)
    }
}

/// An event with an id: its own, or a new one.
pub(crate) fn with_id(mut event: v1::Event) -> v1::Event {
    if event.event_id.is_empty() {
        event.event_id = new_id();
    }
    event
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::time::TimestampExt as _;

    #[test]
    fn a_built_event_has_an_id_a_time_and_only_what_was_said() {
        let before = SystemTime::now().to_timestamp();
        let event = message_sent().agent_id("a").response_time_ms(0).build().unwrap();
        let id: Uuid = event.event_id.parse().unwrap();
        assert_eq!(
            (id.get_version_num(), id.hyphenated().to_string()),
            (7, event.event_id.clone())
        );
        assert!(event.occurred_at.unwrap().unix_micros() >= before.unix_micros());
        let detail = v1::MessageDetail {
            response_time_ms: Some(0),
            ..Default::default()
        };
        assert_eq!(event.detail, Some(v1::event::Detail::Message(detail)));
    }

    #[test]
    fn a_detail_that_was_not_said_is_absent_and_not_empty() {
        assert_eq!(message_received().build().unwrap().detail, None);
        let empty = message_received().detail(v1::MessageDetail::default()).build().unwrap();
        assert_eq!(
            empty.detail,
            Some(v1::event::Detail::Message(v1::MessageDetail::default()))
        );
    }

    #[test]
    fn types_of_your_own_take_any_detail_and_properties() {
        let nested = BTreeMap::from([("total", Property::from(9.5)), ("items", vec!["tea", "cup"].into())]);
        let event = custom("order.placed")
            .property("order", nested)
            .property("paid", true)
            .property("note", None::<&str>)
            .detail(v1::MessageDetail::default())
            .occurred_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .build()
            .unwrap();
        assert_eq!(event.properties.unwrap().fields.len(), 3);
        assert_eq!(event.occurred_at.unwrap().seconds, 1_700_000_000);
    }

    #[test]
    fn numbers_that_json_would_change_are_refused_with_their_path() {
        let most = (1_i64 << 53) - 1;
        assert!(custom("a.b").property("n", most).property("m", -most).build().is_ok());
        let wrongs: [Property; 5] = [
            (most + 1).into(),
            u64::MAX.into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            i64::MIN.into(),
        ];
        for wrong in wrongs {
            let error = custom("a.b").property("list", vec![wrong]).build().unwrap_err();
            assert_eq!((error.is_local(), error.field()), (true, "properties.list[0]"));
        }
        assert_eq!(
            custom("a.b").property(" ", 1).build().unwrap_err().field(),
            "properties"
        );
    }

    #[cfg(feature = "serde_json")]
    #[test]
    fn values_of_serde_json_are_properties() {
        let value = serde_json::json!({"a": [1, 2.5, null, true, "x"], "big": u64::MAX});
        let error = custom("a.b").property("value", value.clone()).build().unwrap_err();
        assert_eq!(error.field(), "properties.value.big");
        assert!(custom("a.b").property("value", value["a"].clone()).build().is_ok());
    }

    #[test]
    fn an_event_that_is_handed_over_without_an_id_gets_one() {
        let event = v1::Event {
            event_type: "message.sent".into(),
            ..Default::default()
        };
        assert!(!with_id(event.clone()).event_id.is_empty());
        assert_eq!(
            with_id(v1::Event {
                event_id: "x".into(),
                ..event
            })
            .event_id,
            "x"
        );
    }
}
