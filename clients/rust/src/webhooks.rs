//! Webhooks: how a receiver makes sure that a message is from tallywire, is new, and was not changed on its way.
//!
//! Signatures are those of [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! ```no_run
//! use tallywire::webhooks::{Verifier, WebhookError};
//!
//! fn receive(headers: &http::HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
//!     let verifier = Verifier::new(["whsec_…"])?; // once, when the program starts
//!     let event = verifier.verify(headers, body)?;
//!     println!("{} {}", event.kind, event.data["title"]);
//!     Ok(())
//! }
//! ```

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde_json::{Map, Value};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How old a message may be, or how far ahead of this machine's clock.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1";
const MOST_DIGITS: usize = 14;
/// Secrets come with and without padding.
const SECRETS: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A message cannot be believed. Answer 400, and 500 for [`WebhookError::BadSecret`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// This header is missing or empty.
    MissingHeader(&'static str),
    /// `webhook-timestamp` is no number of seconds.
    BadTimestamp,
    /// The message was sent longer ago than the tolerance: somebody may be sending it again.
    TooOld,
    /// The message is dated further ahead than the tolerance: one of the two clocks is wrong.
    TooNew,
    /// No signature is by one of the secrets: the body was changed, or the secret is another one.
    NoMatch,
    /// The signature is right and the body is no message of tallywire.
    BadBody,
    /// A secret is none, or none is given: a fault of the receiver's settings.
    BadSecret,
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingHeader(name) => return write!(f, "the header {name} is missing"),
            Self::BadTimestamp => "webhook-timestamp is no number of seconds",
            Self::TooOld => "the message is too old",
            Self::TooNew => "the message is dated ahead: one of the two clocks is wrong",
            Self::NoMatch => "no signature is by the secret: the body was changed, or the secret is another one",
            Self::BadBody => "the body is signed and no message of tallywire",
            Self::BadSecret => "the secret is none: it begins with whsec_, and goes on in base64",
        })
    }
}

impl std::error::Error for WebhookError {}

/// What a webhook was told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WebhookEvent {
    /// The header `webhook-id`. Keep it for two days, and drop a message whose id you have had: after the death of a
    /// worker of the service a message can come twice.
    pub message_id: String,
    /// The type of the message, such as `report.finished`.
    pub kind: String,
    /// When the message was made.
    pub timestamp: SystemTime,
    /// The content, an object that depends on the type.
    pub data: Value,
}

/// Checks messages by their signatures. Nothing that is printed for it has a secret in it.
#[derive(Clone)]
pub struct Verifier {
    keys: Vec<Hmac<Sha256>>,
    tolerance: Duration,
}

impl Verifier {
    /// A verifier for the secrets that `CreateDestination` or `RotateSecret` has shown: one, or several of which any may
    /// have signed. It fails with [`WebhookError::BadSecret`] for none, and where one is no secret.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, WebhookError> {
        let keys = secrets
            .into_iter()
            .map(|one| key(one.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(WebhookError::BadSecret);
        }
        Ok(Self {
            keys,
            tolerance: DEFAULT_TOLERANCE,
        })
    }

    /// The same with another tolerance than [`DEFAULT_TOLERANCE`].
    #[must_use]
    pub fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// What a webhook was told. The body is what came, byte by byte: a parsed and printed copy has another signature.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<WebhookEvent, WebhookError> {
        self.verify_at(headers, body, SystemTime::now())
    }

    /// The same at another time than now, for tests.
    pub fn verify_at(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<WebhookEvent, WebhookError> {
        let id = present(headers, "webhook-id")?;
        let timestamp = present(headers, "webhook-timestamp")?;
        let signatures = present(headers, "webhook-signature")?;
        self.check_time(timestamp, now)?;
        if !self.is_signed(&[id, b".", timestamp, b".", body], signatures) {
            return Err(WebhookError::NoMatch);
        }
        parse(id, body).ok_or(WebhookError::BadBody)
    }

    fn check_time(&self, timestamp: &[u8], now: SystemTime) -> Result<(), WebhookError> {
        if timestamp.len() > MOST_DIGITS || !timestamp.iter().all(u8::is_ascii_digit) {
            return Err(WebhookError::BadTimestamp);
        }
        let seconds = timestamp
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let sent = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        match sent.ok_or(WebhookError::TooNew).map(|sent| now.duration_since(sent))? {
            Ok(age) if age > self.tolerance => Err(WebhookError::TooOld),
            Err(ahead) if ahead.duration() > self.tolerance => Err(WebhookError::TooNew),
            _ => Ok(()),
        }
    }

    /// Whether one of the signatures is by one of the keys; each is compared in the same time.
    fn is_signed(&self, signed: &[&[u8]], signatures: &[u8]) -> bool {
        self.keys.iter().any(|key| {
            let mut mac = key.clone();
            for part in signed {
                mac.update(part);
            }
            let expected = STANDARD.encode(mac.finalize().into_bytes());
            signatures.split(u8::is_ascii_whitespace).any(|one| {
                let value = one
                    .strip_prefix(VERSION.as_bytes())
                    .and_then(|rest| rest.strip_prefix(b","));
                value.is_some_and(|value| expected.as_bytes().ct_eq(value).into())
            })
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

fn key(secret: &str) -> Result<Hmac<Sha256>, WebhookError> {
    let text = secret.trim();
    let bytes = SECRETS
        .decode(text.strip_prefix(PREFIX).unwrap_or(text))
        .unwrap_or_default();
    if bytes.is_empty() {
        return Err(WebhookError::BadSecret);
    }
    Hmac::new_from_slice(&bytes).map_err(|_| WebhookError::BadSecret)
}

fn present<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a [u8], WebhookError> {
    let value = headers.get(name).map_or(&b""[..], http::HeaderValue::as_bytes);
    if value.is_empty() {
        Err(WebhookError::MissingHeader(name))
    } else {
        Ok(value)
    }
}

fn parse(id: &[u8], body: &[u8]) -> Option<WebhookEvent> {
    let mut told: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let timestamp: prost_types::Timestamp = told.get("timestamp")?.as_str()?.parse().ok()?;
    let Value::String(kind) = told.remove("type")? else {
        return None;
    };
    let data = told.remove("data").filter(Value::is_object)?;
    Some(WebhookEvent {
        message_id: String::from_utf8_lossy(id).into_owned(),
        kind,
        timestamp: timestamp.try_into().ok()?,
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(error: &WebhookError) -> &'static str {
        match error {
            WebhookError::MissingHeader(_) => "missing_header",
            WebhookError::BadTimestamp => "bad_timestamp",
            WebhookError::TooOld => "too_old",
            WebhookError::TooNew => "too_new",
            WebhookError::NoMatch => "no_match",
            WebhookError::BadBody => "bad_body",
            WebhookError::BadSecret => "bad_secret",
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(told: &Value) -> HeaderMap {
        let told = told.as_object().unwrap();
        told.iter()
            .map(|(name, value)| {
                let name: http::HeaderName = name.to_ascii_lowercase().parse().unwrap();
                (
                    name,
                    http::HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap(),
                )
            })
            .collect()
    }

    fn verified(case: &Value) -> Result<WebhookEvent, WebhookError> {
        let secrets = case["secrets"].as_array().unwrap();
        let body = match case["body_base64"].as_str() {
            Some(text) => STANDARD.decode(text).unwrap(),
            None => case["body"].as_str().unwrap().into(),
        };
        let now = at(case["now"].as_u64().unwrap());
        Verifier::new(secrets.iter().filter_map(Value::as_str))?.verify_at(&headers(&case["headers"]), &body, now)
    }

    #[test]
    fn the_cases_of_every_client() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/webhooks.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in all["cases"].as_array().unwrap() {
            match verified(case) {
                Err(error) => assert_eq!(Some(word(&error)), case["error"].as_str(), "{}", case["name"]),
                Ok(event) => {
                    let wanted = &case["event"];
                    let timestamp: prost_types::Timestamp = wanted["timestamp"].as_str().unwrap().parse().unwrap();
                    assert_eq!(event.message_id, wanted["message_id"], "{}", case["name"]);
                    assert_eq!(event.kind, wanted["type"]);
                    assert_eq!(Ok(event.timestamp), timestamp.try_into());
                    assert_eq!(event.data, wanted["data"]);
                }
            }
        }
        assert!(all["cases"].as_array().unwrap().len() > 50);
    }

    #[test]
    fn the_tolerance_is_the_callers() {
        let verifier = Verifier::new(["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]).unwrap();
        let told = serde_json::json!({"webhook-id": "1", "webhook-timestamp": "1000", "webhook-signature": "v1,none"});
        for (seconds, wanted) in [(10, WebhookError::TooOld), (11, WebhookError::NoMatch)] {
            let verifier = verifier.clone().with_tolerance(Duration::from_secs(seconds));
            assert_eq!(verifier.verify_at(&headers(&told), b"", at(1_011)), Err(wanted));
        }
        assert_eq!(format!("{verifier:?}"), "Verifier { tolerance: 300s, .. }");
    }
}
