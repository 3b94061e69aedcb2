//! What the events of one conversation have in common.

use crate::Client;
use crate::error::Result;
use crate::events::IntoEvent;
use crate::tracker::Tracker;
use crate::v1;

/// One conversation of a [`Tracker`] or a [`Client`]: what is tracked through it carries its id, and, where set, its
/// agent, user, channel and team. What an event says itself stands.
#[derive(Clone, Debug)]
#[must_use]
pub struct Conversation<T> {
    to: T,
    common: v1::Event,
}

impl<T> Conversation<T> {
    pub(crate) fn new(to: T, conversation_id: String) -> Self {
        Self {
            to,
            common: v1::Event {
                conversation_id,
                ..v1::Event::default()
            },
        }
    }

    /// Who does the work.
    pub fn agent(mut self, agent_id: impl Into<String>) -> Self {
        self.common.agent_id = agent_id.into();
        self
    }

    /// Who is served.
    pub fn user(mut self, user_id: impl Into<String>) -> Self {
        self.common.user_id = user_id.into();
        self
    }

    /// Where it takes place.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.common.channel = channel.into();
        self
    }

    /// The team of the agent.
    pub fn team(mut self, team_id: impl Into<String>) -> Self {
        self.common.team_id = team_id.into();
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.common.conversation_id
    }

    fn stamped(&self, event: impl IntoEvent) -> Result<v1::Event> {
        let mut event = event.into_event()?;
        let fields = [
            (&mut event.conversation_id, &self.common.conversation_id),
            (&mut event.agent_id, &self.common.agent_id),
            (&mut event.user_id, &self.common.user_id),
            (&mut event.channel, &self.common.channel),
            (&mut event.team_id, &self.common.team_id),
        ];
        for (own, common) in fields {
            if own.is_empty() {
                own.clone_from(common);
            }
        }
        Ok(event)
    }
}

impl Conversation<Tracker> {
    /// Takes an event in, as [`Tracker::track`] does: without waiting, and without an error.
    // By value, as the tracker itself does.
    pub fn track(&self, event: impl IntoEvent) -> bool {
        self.to.take(self.stamped(event))
    }
}

impl Conversation<Client> {
    /// Stores an event, as [`Client::track`] does.
    pub async fn track(&self, event: impl IntoEvent) -> Result<v1::EventResult> {
        self.to.track(self.stamped(event)?).await
    }

    /// Stores events, as [`Client::track_batch`] does.
    pub async fn track_batch<E: IntoEvent>(&self, events: impl IntoIterator<Item = E>) -> Result<Vec<v1::EventResult>> {
        let events = events
            .into_iter()
            .map(|event| self.stamped(event))
            .collect::<Result<Vec<_>>>()?;
        self.to.track_batch(events).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;

    #[test]
    fn events_carry_what_the_conversation_has_and_keep_what_they_say() {
        let conversation = Conversation::new((), "c1".into())
            .agent("bot")
            .user("u1")
            .channel("web")
            .team("north");
        let plain = conversation.stamped(events::message_sent()).unwrap();
        assert_eq!(
            [
                &plain.conversation_id,
                &plain.agent_id,
                &plain.user_id,
                &plain.channel,
                &plain.team_id
            ],
            ["c1", "bot", "u1", "web", "north"]
        );
        let own = conversation.stamped(events::message_sent().agent_id("ada")).unwrap();
        assert_eq!([&own.conversation_id, &own.agent_id, &own.user_id], ["c1", "ada", "u1"]);
        assert_eq!(conversation.id(), "c1");
    }
}
