//! Where a server is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::Error;

/// The address of one server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port` or `[v6]:port`.
    Tcp {
        /// The name or the number, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:/path`.
    Unix(String),
}

impl Address {
    /// Whether it can only lead to this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    /// The name under which the server is called, as in a URI.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".into(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::arguments(
                "addresses",
                format!("{text:?} is no address: write host:port, [v6]:port or unix:/path"),
            )
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(wrong())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host
            .strip_prefix('[')
            .map(|rest| rest.strip_suffix(']').ok_or_else(wrong))
        {
            Some(inner) => inner?.parse::<IpAddr>().map(|ip| ip.to_string()).map_err(|_| wrong())?,
            None if host.contains(':') => return Err(wrong()),
            None => host.to_owned(),
        };
        let is_clean = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/?#@%".contains(c));
        if is_clean {
            Ok(Self::Tcp { host, port })
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Tcp { .. } => f.write_str(&self.authority()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One address or several: `host:port`, `[v6]:port` or `unix:/path` each.
pub trait IntoAddresses {
    /// The addresses as texts.
    fn into_addresses(self) -> Vec<String>;
}

impl IntoAddresses for &str {
    fn into_addresses(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoAddresses for String {
    fn into_addresses(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoAddresses for &String {
    fn into_addresses(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: Into<String>> IntoAddresses for Vec<S> {
    fn into_addresses(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Into<String>, const N: usize> IntoAddresses for [S; N] {
    fn into_addresses(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Clone + Into<String>> IntoAddresses for &[S] {
    fn into_addresses(self) -> Vec<String> {
        self.iter().cloned().map(Into::into).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "127.0.0.1:50051",
            "[::1]:50051",
            "metrics.example:443",
            "unix:/run/tallywire.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            " ",
            "host",
            "host:",
            "host:99999",
            "::1:50051",
            "[::1:50051",
            "http://host:1",
            "a b:1",
            "unix:",
        ] {
            assert!(text.parse::<Address>().unwrap_err().is_local(), "{text:?}");
        }
    }

    #[test]
    fn only_what_leads_to_this_machine_is_local() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LocalHost:1", "unix:/a"] {
            assert!(text.parse::<Address>().unwrap().is_local(), "{text}");
        }
        for text in ["10.0.0.1:1", "127.0.0.1.example:1", "localhost.example:1", "[::2]:1"] {
            assert!(!text.parse::<Address>().unwrap().is_local(), "{text}");
        }
    }
}
