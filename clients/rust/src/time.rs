//! Times and durations of Rust in the place of those of the contract.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

use crate::v1;

/// An instant, in any of the forms that this crate knows: [`SystemTime`], a [`Timestamp`] of the contract, and, with the
/// feature `jiff`, `jiff::Timestamp` and `jiff::ZonedDateTime`.
pub trait ToTimestamp {
    /// The instant as the contract has it, cut to whole microseconds, which is what the service keeps.
    fn to_timestamp(&self) -> Timestamp;
}

impl ToTimestamp for SystemTime {
    fn to_timestamp(&self) -> Timestamp {
        cut(Timestamp::from(*self))
    }
}

impl ToTimestamp for Timestamp {
    fn to_timestamp(&self) -> Timestamp {
        cut(*self)
    }
}

#[cfg(feature = "jiff")]
impl ToTimestamp for jiff::Timestamp {
    fn to_timestamp(&self) -> Timestamp {
        let mut instant = Timestamp {
            seconds: self.as_second(),
            nanos: self.subsec_nanosecond(),
        };
        instant.normalize();
        cut(instant)
    }
}

#[cfg(feature = "jiff")]
impl ToTimestamp for jiff::ZonedDateTime {
    fn to_timestamp(&self) -> Timestamp {
        self.timestamp().to_timestamp()
    }
}

impl<T: ToTimestamp> ToTimestamp for &T {
    fn to_timestamp(&self) -> Timestamp {
        (**self).to_timestamp()
    }
}

fn cut(instant: Timestamp) -> Timestamp {
    Timestamp {
        nanos: instant.nanos / 1_000 * 1_000,
        ..instant
    }
}

/// What a [`Timestamp`] of an answer is in Rust.
pub trait TimestampExt {
    /// The instant; None for one that a [`SystemTime`] of this platform cannot hold, which the service never sends.
    fn to_system_time(&self) -> Option<SystemTime>;

    /// Microseconds since 1970-01-01T00:00:00Z, exactly.
    fn unix_micros(&self) -> i64;
}

impl TimestampExt for Timestamp {
    fn to_system_time(&self) -> Option<SystemTime> {
        SystemTime::try_from(*self).ok()
    }

    fn unix_micros(&self) -> i64 {
        self.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(self.nanos / 1_000))
    }
}

/// Now, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().to_timestamp()
}

impl v1::TimeRange {
    /// The period from `start` up to, and without, `end`.
    pub fn new(start: impl ToTimestamp, end: impl ToTimestamp) -> Self {
        Self {
            start: Some(start.to_timestamp()),
            end: Some(end.to_timestamp()),
            ..Self::default()
        }
    }

    /// The last so much, up to one hour ahead of now, so that nothing that has come in is left out.
    #[must_use]
    pub fn last(length: Duration) -> Self {
        let now = SystemTime::now();
        let start = now.checked_sub(length).unwrap_or(UNIX_EPOCH);
        Self::new(start, now + Duration::from_secs(3_600))
    }

    /// The same period with the hours, days and months of an IANA time zone, such as `Europe/Paris`.
    #[must_use]
    pub fn in_zone(self, time_zone: impl Into<String>) -> Self {
        Self {
            time_zone: time_zone.into(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_cut_to_microseconds() {
        let instant = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        assert_eq!(
            instant.to_timestamp(),
            Timestamp {
                seconds: 1_700_000_000,
                nanos: 123_456_000
            }
        );
        assert_eq!(instant.to_timestamp().unix_micros(), 1_700_000_000_123_456);
        assert_eq!(
            instant.to_timestamp().to_system_time(),
            Some(UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_000))
        );
    }

    #[cfg(feature = "jiff")]
    #[test]
    fn instants_of_jiff_are_the_same() {
        let instant: jiff::Timestamp = "2026-01-31T12:00:00.123456789Z".parse().unwrap();
        let zoned = instant.in_tz("Asia/Kathmandu").unwrap();
        assert_eq!(
            instant.to_timestamp(),
            Timestamp {
                seconds: 1_769_860_800,
                nanos: 123_456_000
            }
        );
        assert_eq!(zoned.to_timestamp(), instant.to_timestamp());
        let before: jiff::Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
        assert_eq!(
            before.to_timestamp(),
            Timestamp {
                seconds: -1,
                nanos: 250_000_000
            }
        );
    }
}
