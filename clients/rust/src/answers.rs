//! Answers in the forms of Rust: series as instants with values, and money as people write it.

use std::time::SystemTime;

use crate::time::TimestampExt as _;
use crate::v1;
/// A figure of a series: whole numbers and fractions are apart.
pub use crate::v1::series_value::Value;

/// The series of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<'a> {
    /// The metric's name, as in ListMetrics.
    pub metric: &'a str,
    /// The starts of the buckets, oldest first, each with its value; None where the value is absent.
    pub points: Vec<(SystemTime, Option<Value>)>,
}

/// The series of an answer, in their order.
#[must_use]
pub fn series(answer: &v1::GetUsageTrendsResponse) -> Vec<Series<'_>> {
    points(&answer.buckets, &answer.series)
}

/// The series of the earlier period that an answer compares with. Buckets that have no counterpart are left out.
#[must_use]
pub fn earlier_series(answer: &v1::GetUsageTrendsResponse) -> Vec<Series<'_>> {
    points(&answer.earlier_buckets, &answer.earlier_series)
}

fn points<'a>(buckets: &[v1::Bucket], series: &'a [v1::Series]) -> Vec<Series<'a>> {
    let points = |series: &'a v1::Series| {
        let pairs = buckets.iter().zip(&series.values);
        let pairs = pairs.filter(|(bucket, _)| bucket.start != bucket.end);
        let points = pairs.filter_map(|(bucket, value)| Some((bucket.start?.to_system_time()?, value.value)));
        Series {
            metric: &series.metric,
            points: points.collect(),
        }
    };
    series.iter().map(points).collect()
}

/// An amount in millionths as a decimal number, exactly and without zeros at its end: `1_250_000` is `1.25`.
#[must_use]
pub fn decimal(micros: i64) -> String {
    let (sign, amount) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let (whole, fraction) = (amount / 1_000_000, format!("{:06}", amount % 1_000_000));
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::ToTimestamp as _;

    #[test]
    fn an_absent_value_is_none_and_zero_is_zero() {
        let at = |hour: u64| UNIX_EPOCH + Duration::from_secs(hour * 3_600);
        let bucket = |hour: u64| v1::Bucket {
            start: Some(at(hour).to_timestamp()),
            end: Some(at(hour + 1).to_timestamp()),
            ..Default::default()
        };
        let values = [Some(Value::Integer(0)), None, Some(Value::Number(0.5))];
        let values = values.map(|value| v1::SeriesValue { value }).to_vec();
        let answer = v1::GetUsageTrendsResponse {
            buckets: vec![bucket(0), bucket(1), bucket(2)],
            series: vec![v1::Series {
                metric: "a".into(),
                values,
                ..Default::default()
            }],
            ..Default::default()
        };
        let points = vec![
            (at(0), Some(Value::Integer(0))),
            (at(1), None),
            (at(2), Some(Value::Number(0.5))),
        ];
        assert_eq!(series(&answer), [Series { metric: "a", points }]);
        assert!(earlier_series(&answer).is_empty());
    }

    #[test]
    fn money_is_exact() {
        let amounts = [
            (0, "0"),
            (1, "0.000001"),
            (-1_250_000, "-1.25"),
            (19_000_000, "19"),
            (100_010, "0.10001"),
        ];
        for (micros, text) in amounts {
            assert_eq!(decimal(micros), text);
        }
        assert_eq!(decimal(i64::MIN), "-9223372036854.775808");
    }
}
