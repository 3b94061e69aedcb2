//! What the status of a failed attempt means.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::error::{Error, Origin, RetryAfter};

const DOMAIN: &str = "tallywire";
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The error that the status of an attempt means. Whether the caller's time has passed is not said by it.
pub(crate) fn classify(status: &Status) -> Error {
    spoken(status).unwrap_or_else(|| match status.code() {
        Code::ResourceExhausted
        | Code::Unimplemented
        | Code::InvalidArgument
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::NotFound => Error::new(Origin::Stranger, status.code(), text(status)),
        // What the stack says of a message beyond the limit, which is no fault of the connection.
        Code::OutOfRange if status.message().contains("decoded message length too large") => {
            Error::new(Origin::Stranger, Code::ResourceExhausted, text(status))
        }
        Code::Unavailable => Error::connection(text(status)).with_retry_after(pushback(status)),
        _ => Error::connection(text(status)),
    })
}

/// What the service itself has said, if it has.
fn spoken(status: &Status) -> Option<Error> {
    if status.details().is_empty() {
        return None;
    }
    let details = status.check_error_details().ok()?;
    let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
    let field = details
        .bad_request()
        .and_then(|bad| bad.field_violations.first())
        .map(|violation| violation.field.clone())
        .or_else(|| info.metadata.get("field").cloned())
        .unwrap_or_default();
    let delay = details.retry_info().map(|info| info.retry_delay.unwrap_or_default());
    let error = Error::new(Origin::Service, status.code(), text(status)).with_details(
        info.reason.clone(),
        field,
        info.metadata.clone(),
        delay,
    );
    Some(match delay {
        None if status.code() == Code::Unavailable => error.with_retry_after(pushback(status)),
        _ => error,
    })
}

fn text(status: &Status) -> String {
    if !status.message().is_empty() {
        return status.message().to_owned();
    }
    // Failures of connecting are in the chain of sources, without a message of their own.
    let mut found = String::from("no details");
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        found = error.to_string();
        source = error.source();
    }
    found
}

/// gRPC's own trailer: milliseconds, or anything else for no further attempt (gRFC A6).
fn pushback(status: &Status) -> Option<RetryAfter> {
    let value = status.metadata().get(PUSHBACK)?;
    let milliseconds = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    Some(match milliseconds.and_then(|text| text.parse().ok()) {
        Some(milliseconds) => RetryAfter::After(Duration::from_millis(milliseconds)),
        None => RetryAfter::Never,
    })
}

/// The name of a status as gRPC writes it.
pub(crate) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
