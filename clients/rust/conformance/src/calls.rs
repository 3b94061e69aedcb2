//! Messages in JSON, and calls by the names of their methods.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Value, json};
use tallywire::{Error, RetryAfter, Rows, ServerStream};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/contract.binpb"));
    DescriptorPool::decode(bytes.as_slice()).expect("the build has made it")
});

/// Why a command has no result.
pub(crate) enum Failure {
    /// The client has returned an error.
    Client(Error),
    /// The driver has cancelled the command.
    Cancelled,
    /// The client has no such thing.
    Unsupported(String),
    /// The testee does not understand the command.
    Fault(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl Failure {
    /// The reply without its id.
    pub(crate) fn reply(self) -> Value {
        match self {
            Self::Client(error) => json!({ "error": error_of(&error) }),
            Self::Cancelled => json!({ "error": {
                "code": "CANCELLED", "reason": "", "field": "", "metadata": {}, "message": "cancelled by the caller",
                "retry_after_ms": null, "outcome_unknown": true, "local": false,
            }}),
            Self::Unsupported(why) => json!({ "unsupported": why }),
            Self::Fault(why) => json!({ "fault": why }),
        }
    }
}

fn error_of(error: &Error) -> Value {
    let retry_after = match error.retry_after() {
        None => Value::Null,
        Some(RetryAfter::Never) => (-1).into(),
        Some(RetryAfter::After(wait)) => u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into(),
    };
    json!({
        "code": crate::code_name(error.code()),
        "reason": error.reason(),
        "field": error.field(),
        "metadata": error.metadata(),
        "message": error.to_string(),
        "retry_after_ms": retry_after,
        "outcome_unknown": error.outcome_unknown() && !error.is_local(),
        "local": error.is_local(),
    })
}

pub(crate) fn unknown(method: &str) -> Failure {
    Failure::Unsupported(format!("no method for {method}"))
}

fn descriptor(message: &str) -> Result<MessageDescriptor, Failure> {
    POOL.get_message_by_name(&format!("tallywire.v1.{message}"))
        .ok_or_else(|| Failure::Fault(format!("no message {message}")))
}

/// The name of the message that a method takes.
pub(crate) fn request_of(method: &str) -> Result<String, Failure> {
    let (service, name) = method.split_once('/').unwrap_or_default();
    let service = POOL.get_service_by_name(service);
    service
        .and_then(|service| service.methods().find(|method| method.name() == name))
        .map(|method| method.input().name().to_owned())
        .ok_or_else(|| Failure::Fault(format!("no method {method}")))
}

/// The bytes of a message in JSON.
pub(crate) fn bytes_of(message: &str, json: &Value) -> Result<Vec<u8>, Failure> {
    DynamicMessage::deserialize(descriptor(message)?, json)
        .map(|message| message.encode_to_vec())
        .map_err(|error| Failure::Fault(format!("{message}: {error}")))
}

/// A message from JSON.
pub(crate) fn message<T: Message + Default>(name: &str, json: &Value) -> Result<T, Failure> {
    decoded(&bytes_of(name, json)?)
}

pub(crate) fn decoded<T: Message + Default>(bytes: &[u8]) -> Result<T, Failure> {
    T::decode(bytes).map_err(|error| Failure::Fault(error.to_string()))
}

/// A message in JSON.
pub(crate) fn json_of(name: &str, message: &impl Message) -> Result<Value, Failure> {
    let options = SerializeOptions::new().use_proto_field_name(true);
    DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())
        .map_err(|error| Failure::Fault(error.to_string()))?
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| Failure::Fault(error.to_string()))
}

/// What a unary call gives.
pub(crate) fn answered<T: Message>(name: &str, answer: Result<T, Error>) -> Result<Value, Failure> {
    Ok(json!({ "response": json_of(name, &answer?)? }))
}

/// What a stream of the server gives.
pub(crate) async fn streamed<T: Message>(name: &str, stream: Result<ServerStream<T>, Error>) -> Result<Value, Failure> {
    let (mut stream, mut responses) = (stream?, Vec::new());
    while let Some(answer) = stream.next().await {
        responses.push(json_of(name, &answer?)?);
    }
    Ok(json!({ "responses": responses }))
}

/// What an iterator over all pages gives.
pub(crate) async fn rows<T: Message + Unpin>(name: &str, mut rows: Rows<T>) -> Result<Value, Failure> {
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        all.push(json_of(name, &row?)?);
    }
    Ok(json!({ "rows": all }))
}
