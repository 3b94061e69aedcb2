//! Events from fields by name. In Rust a wrong field or a value of a wrong type does not compile, so these are
//! unsupported.

use prost_types::Timestamp;
use serde_json::{Map, Value};
use tallywire::events::{Detail, EventBuilder};
use tallywire::{IntoEvent as _, v1};

use crate::calls::Failure;

/// The event that a builder makes of fields, each set by `set`.
pub(crate) fn built<D: Detail>(
    mut builder: EventBuilder<D>,
    fields: &Map<String, Value>,
    properties: &Map<String, Value>,
    set: impl Fn(EventBuilder<D>, &str, &Value) -> Result<EventBuilder<D>, Failure>,
) -> Result<v1::Event, Failure> {
    for (name, value) in fields {
        builder = set(builder, name, value)?;
    }
    Ok(builder.properties(properties.clone()).into_event()?)
}

/// Sets a field that all events have.
pub(crate) fn common<D: Detail>(
    builder: EventBuilder<D>,
    name: &str,
    value: &Value,
) -> Result<EventBuilder<D>, Failure> {
    Ok(match name {
        "event_id" => builder.event_id(text(value)?),
        "agent_id" => builder.agent_id(text(value)?),
        "user_id" => builder.user_id(text(value)?),
        "conversation_id" => builder.conversation_id(text(value)?),
        "channel" => builder.channel(text(value)?),
        "team_id" => builder.team_id(text(value)?),
        "campaign_id" => builder.campaign_id(text(value)?),
        "occurred_at" => {
            let instant: Result<Timestamp, _> = text(value)?.parse();
            builder.occurred_at(instant.map_err(|error| Failure::Fault(format!("{value}: {error}")))?)
        }
        _ => {
            return Err(Failure::Unsupported(format!(
                "a field {name} of this type does not compile"
            )));
        }
    })
}

fn wrong(value: &Value) -> Failure {
    Failure::Unsupported(format!("{value} in this place does not compile"))
}

pub(crate) fn text(value: &Value) -> Result<&str, Failure> {
    value.as_str().ok_or_else(|| wrong(value))
}

pub(crate) fn whole(value: &Value) -> Result<i64, Failure> {
    value.as_i64().ok_or_else(|| wrong(value))
}

pub(crate) fn number(value: &Value) -> Result<i32, Failure> {
    value
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| wrong(value))
}

pub(crate) fn flag(value: &Value) -> Result<bool, Failure> {
    value.as_bool().ok_or_else(|| wrong(value))
}

/// A value of an enum by its name, with or without the prefix of the enum.
pub(crate) fn enumeration<E>(prefix: &str, value: &Value, of: fn(&str) -> Option<E>) -> Result<E, Failure> {
    let name = text(value)?.to_uppercase();
    of(&name)
        .or_else(|| of(&format!("{prefix}{name}")))
        .ok_or_else(|| wrong(value))
}
