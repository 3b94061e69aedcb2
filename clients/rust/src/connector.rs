//! How a connection is opened: directly, never through a proxy, and not again and again to a server that is away.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address::Address;

const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections to one address. After a failure, calls fail at once until it is time for the next attempt.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    address: Address,
    health: Arc<Health>,
}

/// What is known of whether an address answers.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    next_attempt: Option<Instant>,
    last: String,
}

impl Health {
    /// When the next attempt to connect may be made; None if it may be made now.
    pub(crate) fn down_until(&self) -> Option<Instant> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_attempt
            .filter(|until| *until > Instant::now())
    }

    fn check(&self) -> io::Result<()> {
        match self.down_until() {
            None => Ok(()),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::NotConnected,
                self.0.lock().unwrap_or_else(PoisonError::into_inner).last.clone(),
            )),
        }
    }

    fn connected(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Failures::default();
    }

    fn failed(&self, error: &io::Error) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = MAX_BACKOFF.min(FIRST_BACKOFF * 2_u32.pow(failures.in_a_row.min(8)));
        failures.in_a_row += 1;
        failures.next_attempt = Some(Instant::now() + whole.mul_f64(0.5 + fastrand::f64() / 2.0));
        failures.last = error.to_string();
    }
}

impl Connector {
    pub(crate) fn new(address: Address, health: Arc<Health>) -> Self {
        Self { address, health }
    }

    async fn connect(self) -> io::Result<TokioIo<Box<dyn Socket>>> {
        self.health.check()?;
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, open(&self.address)).await;
        let result = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let named = result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.address)));
        match &named {
            Ok(_) => self.health.connected(),
            Err(error) => self.health.failed(error),
        }
        named.map(TokioIo::new)
    }
}

async fn open(address: &Address) -> io::Result<Box<dyn Socket>> {
    match address {
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Socket>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// A connection of any kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_away_is_not_tried_again_at_once() {
        // A port that was free a moment ago, and a listener that comes to it later.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        drop(taken);
        let health = Arc::new(Health::default());
        let connector = Connector::new(at.to_string().parse().unwrap(), Arc::clone(&health));
        assert!(connector.clone().connect().await.is_err());
        let until = health.down_until().expect("a failure is remembered");
        let _there = std::net::TcpListener::bind(at).unwrap();
        assert!(
            connector.clone().connect().await.is_err(),
            "it was tried before its time"
        );
        tokio::time::sleep_until(until.into()).await;
        assert!(connector.connect().await.is_ok());
        assert!(health.down_until().is_none());
    }
}
