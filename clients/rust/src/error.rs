//! The error of every call.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tonic::Code;

use crate::v1;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// A call failed, or its arguments were refused before any call was made.
///
/// No text of an error contains the API key.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    origin: Origin,
    reason: String,
    field: String,
    metadata: HashMap<String, String>,
    message: String,
    retry_after: Option<RetryAfter>,
    has_retry_info: bool,
    results: Vec<v1::EventResult>,
}

/// Who said that the call failed: what is tried again depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The client refused the arguments.
    Arguments,
    /// The service, with an `ErrorInfo` of its own.
    Service,
    /// The caller's deadline has passed, or it has closed the client.
    Caller,
    /// The limit of one attempt has passed.
    Attempt,
    /// Somebody between client and service, for good.
    Stranger,
    /// The connection failed.
    Connection,
}

/// When the server asks to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this time.
    After(Duration),
    /// It asks for no further attempt.
    Never,
}

/// What kind of failure an [`Error`] is, for a `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client refused the arguments; no call was made.
    Arguments,
    /// The request makes no sense; sending it again unchanged fails again.
    InvalidArgument,
    /// A number or a time is outside its limits, which the metadata names.
    OutOfRange,
    /// A resume token is older than the updates that are kept; `metadata["oldest_token"]` is the oldest that goes on.
    Compacted,
    /// The service was restored to an earlier point, so revisions from before do not go on: read the figures anew, and
    /// subscribe without a token.
    Restored,
    /// An event with this id and other content is stored, or a definition with this name; the first one stands.
    AlreadyExists,
    /// What was asked for has never been seen.
    NotFound,
    /// The API key is missing, unknown, expired or revoked.
    Unauthenticated,
    /// The API key lacks the scope that `metadata["scope"]` names.
    PermissionDenied,
    /// The organization, or what the call is about, is in a state that does not allow the call.
    FailedPrecondition,
    /// A limit is reached; calling again helps only if [`Error::retry_after`] is set.
    ResourceExhausted,
    /// The server cannot be reached or cannot work now.
    Unavailable,
    /// The time for the call has run out.
    DeadlineExceeded,
    /// The client was closed.
    Cancelled,
    /// The service has a fault; `metadata["request_id"]` finds it in the server's log.
    Internal,
    /// A subscription got a revision that cannot follow the last one: read the figures anew, and subscribe from there.
    OutOfSequence,
    /// Any other status; see [`Error::code`].
    Other,
}

impl Error {
    pub(crate) fn new(origin: Origin, code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            origin,
            reason: String::new(),
            field: String::new(),
            metadata: HashMap::new(),
            message: message.into(),
            retry_after: None,
            has_retry_info: false,
            results: Vec::new(),
        }))
    }

    /// Arguments that the client refuses itself.
    pub(crate) fn arguments(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(Origin::Arguments, Code::InvalidArgument, message);
        error.0.field = field.into();
        error
    }

    pub(crate) fn closed(what: &str) -> Self {
        Self::new(Origin::Caller, Code::Cancelled, format!("{what} is closed"))
    }

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self::new(Origin::Connection, Code::Unavailable, message)
    }

    pub(crate) fn out_of_sequence(what: &str, expected: Option<i64>, revision: i64) -> Self {
        let mut error = Self::new(Origin::Service, Code::DataLoss, format!("the server sent {what}"));
        error.0.metadata.insert("revision".into(), revision.to_string());
        error
            .0
            .metadata
            .extend(expected.map(|expected| ("expected".into(), expected.to_string())));
        error
    }

    pub(crate) fn with_details(
        mut self,
        reason: String,
        field: String,
        metadata: HashMap<String, String>,
        retry_info: Option<Duration>,
    ) -> Self {
        self.0.reason = reason;
        self.0.field = field;
        self.0.metadata = metadata;
        self.0.has_retry_info = retry_info.is_some();
        self.0.retry_after = retry_info.map(RetryAfter::After);
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<RetryAfter>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_results(mut self, results: Vec<v1::EventResult>) -> Self {
        self.0.results = results;
        self
    }

    pub(crate) fn origin(&self) -> Origin {
        self.0.origin
    }

    /// Whether the service named a time in its details, and not only by a trailer.
    pub(crate) fn has_retry_info(&self) -> bool {
        self.0.has_retry_info
    }

    /// The gRPC status.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match (self.0.origin, self.0.code, self.0.reason.as_str()) {
            (Origin::Arguments, _, _) => ErrorKind::Arguments,
            (_, Code::OutOfRange, "COMPACTED") => ErrorKind::Compacted,
            (_, Code::OutOfRange, "RESTORED") => ErrorKind::Restored,
            (_, Code::InvalidArgument, _) => ErrorKind::InvalidArgument,
            (_, Code::OutOfRange, _) => ErrorKind::OutOfRange,
            (_, Code::AlreadyExists, _) => ErrorKind::AlreadyExists,
            (_, Code::NotFound, _) => ErrorKind::NotFound,
            (_, Code::Unauthenticated, _) => ErrorKind::Unauthenticated,
            (_, Code::PermissionDenied, _) => ErrorKind::PermissionDenied,
            (_, Code::FailedPrecondition, _) => ErrorKind::FailedPrecondition,
            (_, Code::ResourceExhausted, _) => ErrorKind::ResourceExhausted,
            (_, Code::Unavailable, _) => ErrorKind::Unavailable,
            (_, Code::DeadlineExceeded, _) => ErrorKind::DeadlineExceeded,
            (_, Code::Cancelled, _) => ErrorKind::Cancelled,
            (_, Code::Internal, _) => ErrorKind::Internal,
            (_, Code::DataLoss, _) => ErrorKind::OutOfSequence,
            _ => ErrorKind::Other,
        }
    }

    /// The cause, for programs: the name of an [`ErrorReason`](v1::ErrorReason) without its prefix, such as
    /// `EVENT_TOO_OLD`. Empty if the server gave none. It may be a name that this version of the crate does not know.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The path of the field at fault, or an empty text.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// Further facts, as documented beside each [`ErrorReason`](v1::ErrorReason).
    #[must_use]
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.0.metadata
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// When the server asks to be called again, if it says.
    #[must_use]
    pub fn retry_after(&self) -> Option<RetryAfter> {
        self.0.retry_after
    }

    /// Whether what the call sent may or may not be stored. Sending the same events again, with the same ids, is always
    /// safe.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        !matches!(
            self.0.code,
            Code::InvalidArgument
                | Code::OutOfRange
                | Code::AlreadyExists
                | Code::NotFound
                | Code::Unauthenticated
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::ResourceExhausted
                | Code::Unimplemented
        )
    }

    /// Whether the client refused the arguments itself and made no call.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.origin == Origin::Arguments
    }

    /// For [`Client::track_batch`](crate::Client::track_batch): the results of the events before the part that failed.
    #[must_use]
    pub fn results(&self) -> &[v1::EventResult] {
        &self.0.results
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::status::name(self.0.code))?;
        if !self.0.reason.is_empty() {
            write!(f, " ({})", self.0.reason)?;
        }
        f.write_str(": ")?;
        if !self.0.field.is_empty() && !self.0.message.starts_with(&self.0.field) {
            write!(f, "{}: ", self.0.field)?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("reason", &self.0.reason)
            .field("field", &self.0.field)
            .field("metadata", &self.0.metadata)
            .field("message", &self.0.message)
            .field("retry_after", &self.0.retry_after)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {}
