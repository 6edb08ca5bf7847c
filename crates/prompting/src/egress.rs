use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clinsynth_contract::{Digest, EgressRecord, Sensitivity};
use reqwest::Url;

use crate::cache::Cache;
use crate::cache::answers::milliseconds_now;
use crate::cache::attempts::{Cap, Charge, Departure, Leave, PerMinute, depart};
use crate::endpoint::Origin;
use crate::{Endpoint, PromptingError};

/// The last of the three checks of sensitivity: it sees every request as it goes to the socket, and trusts nobody.
#[derive(Debug)]
pub(crate) struct EgressGuard {
    origin: Origin,
    endpoint: Endpoint,
    account: String,
    cap: Cap,
    cache: Arc<Cache>,
    granted: Arc<AtomicUsize>,
}

/// Which prompt a request carries.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) request: String,
    pub(crate) key: String,
    pub(crate) sensitivity: Sensitivity,
    /// The most that it can cost.
    pub(crate) reserved: Charge,
    /// Tokens that it is booked with where tokens a minute are limited.
    pub(crate) tokens: u64,
}

impl EgressGuard {
    /// A guard for one endpoint.
    pub(crate) fn new(endpoint: &Endpoint, cap: Cap, cache: Arc<Cache>) -> Result<Self, PromptingError> {
        let account = endpoint.fingerprint();
        Ok(Self {
            origin: endpoint.origin()?,
            endpoint: endpoint.clone(),
            account,
            cap,
            cache,
            granted: Arc::default(),
        })
    }

    /// Lets a prompt pass unless it need not or may not leave, and writes down that it leaves before it does.
    ///
    /// Errors: [`PromptingError::Egress`], and those of the cache.
    pub(crate) async fn pass(&self, url: &Url, body: &[u8], ticket: &Ticket) -> Result<Leave, PromptingError> {
        self.check(url, &ticket.request, ticket.sensitivity)?;
        let Endpoint { requests_per_minute: requests, tokens_per_minute: tokens, .. } = self.endpoint;
        let departure = Departure { per_minute: PerMinute { requests, tokens }, ..self.departure(body, ticket) };
        let granted = Arc::clone(&self.granted);
        // Counted where it is written, so that nobody sees a reservation that is not counted for long.
        let leave = move |connection: &rusqlite::Connection| {
            let leave = depart(connection, &departure)?;
            granted.fetch_add(usize::from(matches!(leave, Leave::Granted(_))), Ordering::Relaxed);
            Ok(leave)
        };
        self.cache.write(leave).await
    }

    /// Prompts that passed so far.
    pub(crate) fn granted(&self) -> usize {
        self.granted.load(Ordering::Relaxed)
    }

    /// The row of a prompt that is about to leave within this body.
    pub(crate) fn departure(&self, body: &[u8], ticket: &Ticket) -> Departure {
        Departure {
            key: ticket.key.clone(),
            owner: self.cache.owner().to_owned(),
            record: EgressRecord {
                time: milliseconds_now(),
                host: self.origin.host_and_port(),
                request: ticket.request.clone(),
                body_digest: Digest::of(body).to_string(),
                body_bytes: body.len() as u64,
                status: None,
                sensitivity: ticket.sensitivity,
            },
            account: self.account.clone(),
            reserved: ticket.reserved,
            cap: self.cap,
            per_minute: PerMinute::default(),
            likely: ticket.tokens,
        }
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Checks that text of this sensitivity may go to this address.
    pub(crate) fn check(&self, url: &Url, request: &str, sensitivity: Sensitivity) -> Result<(), PromptingError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let stop = |problem: String| Err(PromptingError::Egress { request: request.to_owned(), host, problem });
        match Origin::of(url) {
            Some(origin) if origin == self.origin => {}
            _ => return stop(format!("the endpoint is `{}`", self.origin.host_and_port())),
        }
        if !self.endpoint.admits(sensitivity)? {
            return stop(format!("its text is `{sensitivity}` and the host is not in the house"));
        }
        Ok(())
    }
}
