//! The connections of a client.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::address::Address;
use crate::connector::{Connector, Health};
use crate::error::Error;

/// How many unary calls may be under way on one connection. A server lets 100 be, and the rest is left to streams.
pub(crate) const CALLS_PER_CONNECTION: u32 = 90;
/// The largest message that is taken from a server, in bytes.
pub(crate) const RECEIVE_LIMIT: usize = 16 * 1024 * 1024;
/// Begins the user agent of every call.
pub(crate) const USER_AGENT: &str = concat!("tallywire-rust/", env!("CARGO_PKG_VERSION"));
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Everything that says how to reach the service; nothing of it shows the key.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) addresses: Vec<String>,
    pub(crate) key: String,
    pub(crate) root_certificates: Option<Vec<u8>>,
    pub(crate) certificate_chain: Option<Vec<u8>>,
    pub(crate) private_key: Option<Vec<u8>>,
    pub(crate) insecure: bool,
    pub(crate) connections: usize,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("addresses", &self.addresses)
            .field("insecure", &self.insecure)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// The connections to all addresses. They are opened with the first call that needs them.
pub(crate) struct Connections {
    links: Vec<Link>,
    next: AtomicUsize,
    authorization: MetadataValue<Ascii>,
}

/// One connection.
pub(crate) struct Link {
    address: Address,
    endpoint: Endpoint,
    health: Arc<Health>,
    channel: OnceLock<Channel>,
    /// The slots of unary calls.
    pub(crate) calls: Semaphore,
}

impl Connections {
    /// Checks the arguments; connects to nothing.
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let authorization = authorization(&options.key)?;
        if options.addresses.is_empty() {
            return Err(Error::arguments("addresses", "give at least one address"));
        }
        let addresses = options
            .addresses
            .iter()
            .map(|text| text.parse())
            .collect::<Result<Vec<Address>, Error>>()?;
        if options.connections == 0 {
            return Err(Error::arguments("connections", "at least one connection"));
        }
        let tls = tls(options, addresses.iter().all(Address::is_local))?;
        let mut links = Vec::new();
        for _ in 0..options.connections {
            for address in &addresses {
                links.push(Link::new(address.clone(), tls.as_ref())?);
            }
        }
        Ok(Self {
            links,
            next: AtomicUsize::new(0),
            authorization,
        })
    }

    /// The connection for the next attempt: in turn, and one that answered last time if there is any.
    pub(crate) fn pick(&self) -> &Link {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn = || (0..self.links.len()).map(|step| &self.links[first.wrapping_add(step) % self.links.len()]);
        in_turn()
            .find(|link| link.health.down_until().is_none())
            .or_else(|| in_turn().min_by_key(|link| link.health.down_until()))
            .expect("there is at least one address")
    }

    /// What authenticates a call; marked as sensitive, so that nothing prints it.
    pub(crate) fn authorization(&self) -> MetadataValue<Ascii> {
        self.authorization.clone()
    }

    fn addresses(&self) -> Vec<&Address> {
        let mut found = Vec::new();
        for link in &self.links {
            if !found.contains(&&link.address) {
                found.push(&link.address);
            }
        }
        found
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.addresses()).finish()
    }
}

impl Link {
    fn new(address: Address, tls: Option<&Tls>) -> Result<Self, Error> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", address.authority()))
            .and_then(|endpoint| endpoint.user_agent(HeaderValue::from_static(USER_AGENT)))
            .map_err(|error| Error::arguments("addresses", format!("{address}: {error}")))?
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(false);
        let endpoint = match tls {
            Some(tls) => tls.apply(endpoint)?,
            None => endpoint,
        };
        let health = Arc::new(Health::default());
        let calls = Semaphore::new(CALLS_PER_CONNECTION as usize);
        Ok(Self {
            address,
            endpoint,
            health,
            channel: OnceLock::new(),
            calls,
        })
    }

    /// The channel, which is made with the first call: it belongs to the runtime that runs then.
    pub(crate) fn channel(&self) -> Channel {
        let connector = || Connector::new(self.address.clone(), Arc::clone(&self.health));
        self.channel
            .get_or_init(|| self.endpoint.connect_with_connector_lazy(connector()))
            .clone()
    }
}

fn authorization(key: &str) -> Result<MetadataValue<Ascii>, Error> {
    // The key itself stays out of the message, which may be logged.
    let wrong = || {
        Error::arguments(
            "api_key",
            "it is empty or has a character that is not visible ASCII, such as a line break",
        )
    };
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    let mut value = MetadataValue::try_from(format!("Bearer {key}")).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(value)
}

/// What TLS is spoken with; None for plaintext.
fn tls(options: &Options, is_local: bool) -> Result<Option<Tls>, Error> {
    if options.certificate_chain.is_some() != options.private_key.is_some() {
        return Err(Error::arguments(
            "certificate_chain",
            "the certificate chain and its private key go together",
        ));
    }
    let wants_tls = options.root_certificates.is_some() || options.certificate_chain.is_some();
    if options.insecure && wants_tls {
        return Err(Error::arguments("insecure", "it contradicts the certificates"));
    }
    if wants_tls || !(options.insecure || is_local) {
        Tls::new(options).map(Some)
    } else {
        Ok(None)
    }
}

#[cfg(feature = "tls")]
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

#[cfg(feature = "tls")]
struct Tls(tonic::transport::ClientTlsConfig);

#[cfg(feature = "tls")]
impl Tls {
    fn new(options: &Options) -> Result<Self, Error> {
        use tonic::transport::{Certificate, ClientTlsConfig, Identity};

        // The stack takes a text without a certificate for an empty list of authorities, and then trusts nobody.
        let is_pem = |pem: &Vec<u8>| pem.windows(BEGIN.len()).any(|part| part == BEGIN);
        for (name, pem) in [
            ("root_certificates", &options.root_certificates),
            ("certificate_chain", &options.certificate_chain),
        ] {
            if pem.as_ref().is_some_and(|pem| !is_pem(pem)) {
                return Err(Error::arguments(name, "it has no certificate in PEM"));
            }
        }
        let config = match &options.root_certificates {
            Some(roots) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        Ok(Self(match (&options.certificate_chain, &options.private_key) {
            (Some(chain), Some(key)) => config.identity(Identity::from_pem(chain, key)),
            _ => config,
        }))
    }

    fn apply(&self, endpoint: Endpoint) -> Result<Endpoint, Error> {
        endpoint
            .tls_config(self.0.clone())
            .map_err(|error| Error::arguments("root_certificates", format!("the certificates are not usable: {error}")))
    }
}

/// There is none without the feature.
#[cfg(not(feature = "tls"))]
enum Tls {}

#[cfg(not(feature = "tls"))]
impl Tls {
    fn new(_: &Options) -> Result<Self, Error> {
        Err(Error::arguments(
            "addresses",
            "only TLS leads to this address: turn the feature tls on, or set insecure",
        ))
    }

    fn apply(&self, _: Endpoint) -> Result<Endpoint, Error> {
        match *self {}
    }
}
