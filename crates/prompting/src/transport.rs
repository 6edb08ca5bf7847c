use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::middleware::HttpRequestFactory;
use reqwest::Response;
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::{LONGEST_ASKED, backoff};
use crate::egress::{EgressGuard, Ticket};
use crate::failure::Failure;
use crate::status::{Fault, judge};
use crate::{Endpoint, PromptingError, Reason};

/// How often a waiting request looks whether the run is being stopped.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Further attempts to connect while the endpoint has never answered.
const RETRIES_BEFORE_FIRST_ANSWER: u32 = 2;

/// The HTTP stack under the client: guard, send, judge by status, and try again where that may help.
///
/// One value carries one request; clones share the connection pool, the guard and the pause that a rate limit imposes.
#[derive(Clone)]
pub(crate) struct Transport {
    line: Arc<Line>,
    ticket: Ticket,
}

/// What all requests to one endpoint share.
pub(crate) struct Line {
    endpoint: Endpoint,
    client: reqwest::Client,
    guard: EgressGuard,
    paused_until: Mutex<Instant>,
    answered: AtomicBool,
    stop: Arc<AtomicBool>,
}

impl Line {
    /// The line to an endpoint; `stop` set means that no further attempt is made.
    pub(crate) fn new(endpoint: &Endpoint, guard: EgressGuard, stop: Arc<AtomicBool>) -> Result<Self, PromptingError> {
        Ok(Self {
            endpoint: endpoint.clone(),
            client: new_client(endpoint)?,
            guard,
            paused_until: Mutex::new(Instant::now()),
            answered: AtomicBool::new(false),
            stop,
        })
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) fn guard(&self) -> &EgressGuard {
        &self.guard
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Further attempts for a fault. A server that never answered is most likely not there: the user is told soon.
    fn retries(&self, last: &Failure) -> u32 {
        let absent = matches!(last, Failure::Fatal(_)) && !self.answered.load(Ordering::Relaxed);
        if absent { self.endpoint.retries.min(RETRIES_BEFORE_FIRST_ANSWER) } else { self.endpoint.retries }
    }

    fn pause(&self, wait: Duration) {
        let mut until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Instant::now() + wait);
    }

    fn paused_until(&self) -> Instant {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that follows no redirect, uses no proxy of the environment, repeats nothing on its own, and knows what
/// `localhost` is without asking a name server: each of these would send text to a host that nobody cleared.
fn new_client(endpoint: &Endpoint) -> Result<reqwest::Client, PromptingError> {
    // Fails when the program installed a provider already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let origin = endpoint.origin()?;
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(endpoint.connect_timeout)
        .timeout(endpoint.timeout)
        .resolve_to_addrs("localhost", &origin.loopback_addresses())
        .user_agent(concat!("clinsynth/", env!("CARGO_PKG_VERSION")));
    // Without TLS no certificates are needed, and their absence must not matter.
    let builder = if origin.is_encrypted() { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| endpoint.error(format!("cannot set up HTTP: {}", innermost(&error))))
}

impl Transport {
    pub(crate) fn new(line: Arc<Line>, ticket: Ticket) -> Self {
        Self { line, ticket }
    }

    /// Sends until a reply is usable, the fault is permanent, attempts are spent, or the run is stopped.
    async fn send(self, factory: HttpRequestFactory) -> Result<Response, Failure> {
        let mut attempt = 0;
        loop {
            self.wait_until(self.line.paused_until()).await?;
            let (last, wait, limits_all) = match self.attempt(&factory).await {
                Ok(response) => return Ok(response),
                Err(Fault::Permanent(failure)) => return Err(failure),
                Err(Fault::Transient { last, wait, limits_all }) => (last, wait, limits_all),
            };
            attempt += 1;
            let asked = wait.unwrap_or_default();
            if attempt > self.line.retries(&last) || asked > LONGEST_ASKED {
                return Err(last);
            }
            // The server's wait is a least one; ours spreads the requests over what follows.
            let own = backoff(self.line.endpoint.first_backoff, attempt, &self.ticket.request);
            if limits_all && !asked.is_zero() {
                self.line.pause(asked);
            }
            self.wait_until(Instant::now() + asked.max(own)).await?;
        }
    }

    async fn attempt(&self, factory: &HttpRequestFactory) -> Result<Response, Fault> {
        let permanent = |failure: Failure| Fault::Permanent(failure);
        let mut request = factory.build().await.map_err(|error| permanent(error.into()))?;
        if self.line.endpoint.api_key.expose().is_empty() {
            request.headers_mut().remove(http::header::AUTHORIZATION);
        }
        let number = self.line.guard.pass(&request, &self.ticket).await.map_err(|error| permanent(error.into()))?;
        let response = self.line.client.execute(request).await.map_err(|error| self.no_reply(&error))?;
        self.line.answered.store(true, Ordering::Relaxed);
        let status = response.status();
        self.line.guard.note_status(number, status.as_u16()).await.map_err(|error| permanent(error.into()))?;
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| self.no_reply(&error))?;
        judge(&self.line.endpoint, status, &headers, &body)?;
        // Only now does the client see the reply: it logs bodies it cannot parse, and it loses the status.
        let mut reply = http::Response::new(body);
        *reply.status_mut() = status;
        *reply.headers_mut() = headers;
        Ok(Response::from(reply))
    }

    fn no_reply(&self, error: &reqwest::Error) -> Fault {
        let problem = innermost(error);
        let last = if error.is_connect() {
            let url = self.line.endpoint.base_url.clone();
            Failure::Fatal(PromptingError::Unreachable { url, problem })
        } else if error.is_timeout() {
            let seconds = self.line.endpoint.timeout.as_secs_f64();
            Failure::set_aside(Reason::EndpointFailed, format!("no reply within {seconds} s to the end"))
        } else {
            Failure::set_aside(Reason::EndpointFailed, format!("no reply to the end: {problem}"))
        };
        Fault::Transient { last, wait: None, limits_all: false }
    }

    /// Waits, unless the run is being stopped.
    async fn wait_until(&self, until: Instant) -> Result<(), Failure> {
        loop {
            if self.line.is_stopped() {
                return Err(Failure::Stopped);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if left < STOP_CHECK { sleep_until(until).await } else { sleep(STOP_CHECK).await }
        }
    }
}

impl tower::Service<HttpRequestFactory> for Transport {
    type Response = Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        Box::pin(self.clone().send(factory))
    }
}

/// The last cause of an error: what the system said.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
