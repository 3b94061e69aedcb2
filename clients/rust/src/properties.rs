//! Properties of events: values as JSON has them.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use crate::error::Error;

/// Beyond this a number of JSON may be a neighbour of the value.
const MAX_EXACT_INTEGER: i128 = (1 << 53) - 1;

/// The value of a property. Numbers, texts, booleans, lists and maps become one by `into()`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Property {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number. Beyond 2^53 − 1 it is refused, because JSON would change it: send it as text.
    Integer(i128),
    /// Any other number. NaN and infinity are refused.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Property>),
    /// Values by their names.
    Map(BTreeMap<String, Property>),
}

macro_rules! from {
    ($($kind:ty => |$value:ident| $made:expr),+ $(,)?) => {
        $(impl From<$kind> for Property {
            fn from($value: $kind) -> Self {
                $made
            }
        })+
    };
}

from! {
    bool => |value| Self::Bool(value),
    i8 => |value| Self::Integer(value.into()),
    i16 => |value| Self::Integer(value.into()),
    i32 => |value| Self::Integer(value.into()),
    i64 => |value| Self::Integer(value.into()),
    u8 => |value| Self::Integer(value.into()),
    u16 => |value| Self::Integer(value.into()),
    u32 => |value| Self::Integer(value.into()),
    u64 => |value| Self::Integer(value.into()),
    // No target has sizes beyond 64 bits.
    usize => |value| Self::Integer(value as i128),
    f32 => |value| Self::Number(value.into()),
    f64 => |value| Self::Number(value),
    &str => |value| Self::Text(value.to_owned()),
    String => |value| Self::Text(value),
    &String => |value| Self::Text(value.clone()),
    () => |_unit| Self::Null,
}

impl<T: Into<Property>> From<Option<T>> for Property {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Property>> From<Vec<T>> for Property {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Property>, const N: usize> From<[T; N]> for Property {
    fn from(values: [T; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<String>, T: Into<Property>> From<BTreeMap<K, T>> for Property {
    fn from(values: BTreeMap<K, T>) -> Self {
        Self::Map(
            values
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(feature = "serde_json")]
impl From<serde_json::Value> for Property {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(value) => match (value.as_i64(), value.as_u64()) {
                (Some(whole), _) => Self::Integer(whole.into()),
                (None, Some(whole)) => Self::Integer(whole.into()),
                (None, None) => Self::Number(value.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(value) => Self::Text(value),
            serde_json::Value::Array(values) => values.into(),
            serde_json::Value::Object(values) => {
                Self::Map(values.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

/// Puts a property into the properties of an event; the error names the path of what JSON does not keep.
pub(crate) fn put(into: &mut Option<Struct>, name: String, value: Property) -> Result<(), Error> {
    let path = format!("properties.{name}");
    check_name(&name, "properties")?;
    let value = to_value(value, &path)?;
    into.get_or_insert_default().fields.insert(name, value);
    Ok(())
}

fn check_name(name: &str, path: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::arguments(
            path,
            format!("{path} has a name that is blank: {name:?}"),
        ));
    }
    Ok(())
}

fn to_value(value: Property, path: &str) -> Result<Value, Error> {
    let wrong = |shown: String| {
        Error::arguments(
            path,
            format!("{path} is not a number that JSON keeps exactly: {shown}; send it as text"),
        )
    };
    let kind = match value {
        Property::Null => Kind::NullValue(0),
        Property::Bool(value) => Kind::BoolValue(value),
        Property::Integer(value) if value.abs() > MAX_EXACT_INTEGER => return Err(wrong(value.to_string())),
        // Checked: within what a float holds exactly.
        #[allow(clippy::cast_precision_loss)]
        Property::Integer(value) => Kind::NumberValue(value as f64),
        Property::Number(value) if !value.is_finite() => return Err(wrong(value.to_string())),
        Property::Number(value) => Kind::NumberValue(value),
        Property::Text(value) => Kind::StringValue(value),
        Property::List(values) => {
            let values = values.into_iter().enumerate();
            let values = values.map(|(index, value)| to_value(value, &format!("{path}[{index}]")));
            Kind::ListValue(ListValue {
                values: values.collect::<Result<_, Error>>()?,
            })
        }
        Property::Map(values) => {
            let mut fields = BTreeMap::new();
            for (name, value) in values {
                check_name(&name, path)?;
                let value = to_value(value, &format!("{path}.{name}"))?;
                fields.insert(name, value);
            }
            Kind::StructValue(Struct { fields })
        }
    };
    Ok(Value { kind: Some(kind) })
}
