//! Who events are about, said once.

use crate::Client;
use crate::error::Result;
use crate::events::IntoEvent;
use crate::tracker::Tracker;
use crate::v1;

/// Who or what events are about: the fields that events have in common.
///
/// An event that is made within a context takes each of these fields that it is not given itself; a field that is given
/// as an empty text stays empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct EventContext {
    agent_id: Option<String>,
    user_id: Option<String>,
    conversation_id: Option<String>,
    channel: Option<String>,
    team_id: Option<String>,
    campaign_id: Option<String>,
}

macro_rules! fields {
    ($(#[doc = $doc:literal] $method:ident $field:ident),+ $(,)?) => {
        impl EventContext {
            $(#[doc = $doc]
            pub fn $method(mut self, $field: impl Into<String>) -> Self {
                self.$field = Some($field.into());
                self
            })+

            /// Sets the fields of an event: those that are set here, or else in `outer`.
            pub(crate) fn apply(self, outer: &Self, event: &mut v1::Event) {
                $(if let Some(value) = self.$field.or_else(|| outer.$field.clone()) {
                    event.$field = value;
                })+
            }
        }

        impl<T> Scoped<T> {
            $(#[doc = $doc]
            pub fn $method(mut self, $field: impl Into<String>) -> Self {
                self.context = self.context.$method($field);
                self
            })+
        }
    };
}

fields! {
    /// Who does the work: an AI agent, a bot or a human agent.
    agent agent_id,
    /// Who is served.
    user user_id,
    /// The conversation.
    conversation conversation_id,
    /// Where it takes place: `web`, `whatsapp`, `phone`.
    channel channel,
    /// The team of the agent.
    team team_id,
    /// The campaign.
    campaign campaign_id,
}

/// A [`Tracker`] or a [`Client`] whose events are about the same: see [`EventContext`].
///
/// An [`Event`](v1::Event) that is built already goes as it is; builders take what they were not given. A clone with
/// other fields is a context within this one.
#[derive(Clone, Debug)]
#[must_use]
pub struct Scoped<T> {
    to: T,
    context: EventContext,
}

impl<T> Scoped<T> {
    pub(crate) fn new(to: T, context: EventContext) -> Self {
        Self { to, context }
    }
}

impl Scoped<Tracker> {
    /// Takes an event in, as [`Tracker::track`] does: without waiting, and without an error.
    pub fn track(&self, event: impl IntoEvent) -> bool {
        self.to.take(event.into_event_in(&self.context))
    }
}

impl Scoped<Client> {
    /// Stores an event, as [`Client::track`] does.
    pub async fn track(&self, event: impl IntoEvent) -> Result<v1::EventResult> {
        self.to.track(event.into_event_in(&self.context)?).await
    }

    /// Stores events, as [`Client::track_batch`] does.
    pub async fn track_batch<E: IntoEvent>(&self, events: impl IntoIterator<Item = E>) -> Result<Vec<v1::EventResult>> {
        let events = events.into_iter().map(|event| event.into_event_in(&self.context));
        self.to.track_batch(events.collect::<Result<Vec<_>>>()?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    #[test]
    fn events_take_what_they_are_not_given() {
        let outer = EventContext::default()
            .conversation("c1")
            .agent("bot")
            .user("u1")
            .channel("web")
            .team("north");
        let plain = events::message_sent().into_event_in(&outer).unwrap();
        let about = |event: &v1::Event| {
            [
                &event.conversation_id,
                &event.agent_id,
                &event.user_id,
                &event.channel,
                &event.team_id,
            ]
            .map(Clone::clone)
        };
        assert_eq!(about(&plain), ["c1", "bot", "u1", "web", "north"]);
        let own = events::message_sent()
            .agent_id("ada")
            .user_id("")
            .into_event_in(&outer)
            .unwrap();
        assert_eq!(about(&own), ["c1", "ada", "", "web", "north"]);
        let inner = Scoped::new((), outer).agent("eve").campaign("spring").context;
        let within = events::message_sent().into_event_in(&inner).unwrap();
        assert_eq!(
            (within.agent_id.as_str(), within.campaign_id.as_str()),
            ("eve", "spring")
        );
    }

    #[test]
    fn an_event_that_is_built_goes_as_it_is() {
        let built = events::message_sent().build().unwrap();
        let context = EventContext::default().agent("bot");
        assert_eq!((&built).into_event_in(&context).unwrap(), built);
    }
}
