use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::middleware::HttpRequestFactory;
use clinsynth_contract::Sensitivity;
use http::StatusCode;
use reqwest::Response;
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::{LONGEST_ASKED, backoff};
use crate::cache::attempts::{Charge, Leave, release_all, settle, withdraw};
use crate::egress::{EgressGuard, Ticket};
use crate::failure::Failure;
use crate::pace::{Pace, Signal};
use crate::status::{Fault, judge};
use crate::{Endpoint, PromptingError, Reason};

/// How often a waiting request looks whether the run is being stopped.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Further attempts to connect while the endpoint has never answered.
const RETRIES_BEFORE_FIRST_ANSWER: u32 = 2;

/// By how much shorter the waits are while nearly all attempts are answered.
const HEALTHY: u32 = 10;

/// How often a claim of another process, or a budget that is all reserved, is looked at again.
const CLAIM_CHECK: Duration = Duration::from_millis(100);

/// The HTTP stack under the client: guard, send, judge by status, and try again where that may help.
///
/// One value carries one request; clones share the connection pool, the guard and the pace.
#[derive(Clone)]
pub(crate) struct Transport {
    line: Arc<Line>,
    parcel: Arc<Parcel>,
    granted: Arc<AtomicI64>,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    /// A prompt: it is claimed, charged and written down before it leaves.
    Prompt(Ticket),
    /// A request to the batch API, whose prompts are written down by the batch.
    Control {
        /// Name in messages.
        name: String,
        /// Of the text that it carries.
        sensitivity: Sensitivity,
        /// Whether the reply is JSON.
        json: bool,
        /// Whether it must not be sent again when nothing is known of the first.
        once: bool,
    },
}

/// What all requests to one endpoint share.
pub(crate) struct Line {
    endpoint: Endpoint,
    client: reqwest::Client,
    guard: EgressGuard,
    pace: Arc<Pace>,
    paused_until: Mutex<Instant>,
    answered: AtomicBool,
    /// Requests that wait before they are tried again.
    resting: AtomicUsize,
    /// Departures whose cost is known.
    settled: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl Line {
    /// The line to an endpoint; `stop` set means that no further attempt is made.
    pub(crate) fn new(endpoint: &Endpoint, guard: EgressGuard, stop: Arc<AtomicBool>) -> Result<Self, PromptingError> {
        Ok(Self {
            endpoint: endpoint.clone(),
            client: new_client(endpoint)?,
            guard,
            pace: Arc::new(Pace::new(endpoint)),
            paused_until: Mutex::new(Instant::now()),
            answered: AtomicBool::new(false),
            resting: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            stop,
        })
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) fn guard(&self) -> &EgressGuard {
        &self.guard
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Requests that wait before they are tried again, unless the endpoint is down: others may take their place.
    pub(crate) fn resting(&self) -> usize {
        if self.pace.down().is_some() { 0 } else { self.resting.load(Ordering::Relaxed) }
    }

    /// Notes that the cost of a departure is known.
    pub(crate) fn settled(&self) {
        self.settled.fetch_add(1, Ordering::Relaxed);
    }

    /// How many departures there were, if the cost of all is known.
    fn all_settled(&self) -> Option<usize> {
        let granted = self.guard.granted();
        (granted == self.settled.load(Ordering::Relaxed)).then_some(granted)
    }

    /// Further attempts for a fault. A server that never answered is most likely not there: the user is told soon.
    fn retries(&self, last: &Failure) -> u32 {
        let absent = matches!(last, Failure::Fatal(_)) && !self.answered.load(Ordering::Relaxed);
        if absent { self.endpoint.retries.min(RETRIES_BEFORE_FIRST_ANSWER) } else { self.endpoint.retries }
    }

    /// The error of a run whose endpoint went away and did not come back.
    fn check_patience(&self, last: &Failure, asked: Duration) -> Result<(), Failure> {
        match self.pace.down() {
            Some((silent, failures)) if silent > self.endpoint.patience + asked => {
                Err(Failure::Fatal(PromptingError::EndpointDown {
                    url: self.endpoint.base_url.clone(),
                    seconds: silent.as_secs(),
                    failures,
                    last: last.to_string(),
                }))
            }
            _ => Ok(()),
        }
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
        .read_timeout(endpoint.read_timeout.unwrap_or(endpoint.timeout))
        .timeout(endpoint.timeout)
        .pool_max_idle_per_host(endpoint.concurrency)
        .resolve_to_addrs("localhost", &origin.loopback_addresses())
        .user_agent(concat!("clinsynth/", env!("CARGO_PKG_VERSION")));
    // Without TLS no certificates are needed, and their absence must not matter.
    let builder = if origin.is_encrypted() { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| endpoint.error(format!("cannot set up HTTP: {}", innermost(&error))))
}

impl Transport {
    pub(crate) fn new(line: Arc<Line>, parcel: Parcel) -> Self {
        Self { line, parcel: Arc::new(parcel), granted: Arc::default() }
    }

    /// The number of the attempt that brought the reply.
    pub(crate) fn number(&self) -> i64 {
        self.granted.load(Ordering::Relaxed)
    }

    /// Sends until a reply is usable, the fault is permanent, attempts are spent, or the run is stopped.
    pub(crate) async fn send(self, factory: HttpRequestFactory) -> Result<Response, Failure> {
        let (mut attempts, mut counted) = (0, 0);
        loop {
            self.wait_until(self.line.paused_until()).await?;
            if let Parcel::Prompt(ticket) = &*self.parcel {
                self.wait_until(self.line.pace.book(ticket.tokens)).await?;
            }
            let (last, wait, refused) = match self.attempt(&factory).await {
                Ok(response) => return Ok(response),
                Err(Fault::Permanent(failure)) => return Err(failure),
                Err(Fault::Transient { last, wait, refused }) => (last, wait, refused),
            };
            let troubled = self.line.pace.is_troubled(refused);
            attempts += 1;
            counted += u32::from(!troubled);
            let asked = wait.unwrap_or_default();
            if counted > self.retries(&last, refused) || asked > LONGEST_ASKED {
                return Err(last);
            }
            self.line.check_patience(&last, asked)?;
            // The server's wait is a least one; ours spreads the requests over what follows.
            let first = self.line.endpoint.first_backoff / if self.line.pace.is_healthy() { HEALTHY } else { 1 };
            let own = backoff(first, attempts, self.name());
            if refused && troubled {
                self.line.pause(asked);
            }
            self.line.resting.fetch_add(1, Ordering::Relaxed);
            let rested = self.wait_until(Instant::now() + asked.max(own)).await;
            self.line.resting.fetch_sub(1, Ordering::Relaxed);
            rested?;
        }
    }

    fn name(&self) -> &str {
        match &*self.parcel {
            Parcel::Prompt(ticket) => &ticket.request,
            Parcel::Control { name, .. } => name,
        }
    }

    fn retries(&self, last: &Failure, refused: bool) -> u32 {
        match &*self.parcel {
            Parcel::Control { once: true, .. } if !refused => 0,
            _ => self.line.retries(last),
        }
    }

    async fn attempt(&self, factory: &HttpRequestFactory) -> Result<Response, Fault> {
        let request = factory.build().await.map_err(|error| Fault::Permanent(error.into()))?;
        let Parcel::Prompt(ticket) = &*self.parcel else { return self.exchange(request).await.1 };
        let number = self.depart(&request, ticket).await.map_err(Fault::Permanent)?;
        let slot = self.line.pace.slot().await;
        if self.line.is_stopped() {
            self.line.settled();
            drop(self.line.guard.cache().submit(move |connection| withdraw(connection, number)));
            return Err(Fault::Permanent(Failure::Stopped));
        }
        let (status, outcome) = self.exchange(request).await;
        slot.end(signal(status, &outcome));
        match outcome {
            Ok(response) => {
                self.granted.store(number, Ordering::Relaxed);
                Ok(response)
            }
            Err(fault) => {
                // What was refused costs nothing; what was lost on the way may be on the bill.
                let free = status.is_some_and(|status| !status.is_success()) || fault.never_arrived();
                let status = status.map(|status| status.as_u16());
                self.line.settled();
                drop(
                    self.line
                        .guard
                        .cache()
                        .submit(move |connection| settle(connection, number, status, free.then(Charge::default))),
                );
                Err(fault)
            }
        }
    }

    /// Waits until the prompt may leave. Returns its number.
    async fn depart(&self, request: &reqwest::Request, ticket: &Ticket) -> Result<i64, Failure> {
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let cache = self.line.guard.cache();
        let mut settled_before = None;
        loop {
            match self.line.guard.pass(request.url(), body, ticket).await? {
                Leave::Granted(number) => return Ok(number),
                Leave::Answered => return Err(Failure::Answered),
                Leave::Batched => return Err(Failure::Batched),
                Leave::Claimed(owner) if !cache.is_alive(&owner) => {
                    cache.write(move |connection| release_all(connection, &owner)).await?;
                }
                Leave::OverBudget(spent) => {
                    // A cost that is known may not be written yet: spent is what is spent at two looks, when at the first
                    // nothing was under way and nothing left before the second.
                    let settled = self.line.all_settled();
                    if settled.is_some() && settled == settled_before {
                        return Err(Failure::Fatal(self.line.endpoint.budget_spent(spent, ticket.reserved)));
                    }
                    settled_before = settled;
                    self.wait_until(Instant::now() + CLAIM_CHECK).await?;
                }
                Leave::TooSoon(wait) => {
                    let wait = Duration::from_millis(wait.unsigned_abs());
                    self.wait_until(Instant::now() + wait).await?;
                }
                Leave::Claimed(_) => {
                    self.wait_until(Instant::now() + CLAIM_CHECK).await?;
                }
            }
        }
    }

    /// Sends once and judges the reply.
    async fn exchange(&self, request: reqwest::Request) -> (Option<StatusCode>, Result<Response, Fault>) {
        if let Parcel::Control { name, sensitivity, .. } = &*self.parcel
            && let Err(error) = self.line.guard.check(request.url(), name, *sensitivity)
        {
            return (None, Err(Fault::Permanent(error.into())));
        }
        let response = match self.line.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return (None, Err(self.no_reply(&error))),
        };
        self.line.answered.store(true, Ordering::Relaxed);
        let status = response.status();
        let headers = response.headers().clone();
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return (Some(status), Err(self.no_reply(&error))),
        };
        let json = !matches!(&*self.parcel, Parcel::Control { json: false, .. });
        if let Err(fault) = judge(&self.line.endpoint, status, &headers, &body, json) {
            return (Some(status), Err(fault));
        }
        // Only now does the client see the reply: it logs bodies it cannot parse, and it loses the status.
        let mut reply = http::Response::new(body);
        *reply.status_mut() = status;
        *reply.headers_mut() = headers;
        (Some(status), Ok(Response::from(reply)))
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
        Fault::Transient { last, wait: None, refused: false }
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

/// What an attempt says about the state of the endpoint.
fn signal(status: Option<StatusCode>, outcome: &Result<Response, Fault>) -> Signal {
    match (outcome, status) {
        (Err(Fault::Transient { refused: true, .. }), _) => Signal::Refused,
        (Err(Fault::Transient { .. }), None) => Signal::Failed,
        (Err(Fault::Transient { .. }), Some(status)) if status.is_server_error() => Signal::Failed,
        _ => Signal::Answered,
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
