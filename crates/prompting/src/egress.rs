use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use clinsynth_contract::{Digest, EgressRecord, Sensitivity};
use reqwest::{Request, Url};

use crate::endpoint::Origin;
use crate::journal::{Entry, Journal};
use crate::{Endpoint, PromptingError};

/// The last of the three checks of sensitivity: it sees every request as it goes to the socket, and trusts nobody.
#[derive(Debug)]
pub(crate) struct EgressGuard {
    origin: Origin,
    endpoint: Endpoint,
    log: Mutex<Vec<EgressRecord>>,
    journal: Arc<Journal>,
}

/// Which prompt a request carries.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) request: String,
    pub(crate) sensitivity: Sensitivity,
}

impl EgressGuard {
    /// A guard for one endpoint; `log` is what left on earlier runs.
    pub(crate) fn new(
        endpoint: &Endpoint,
        log: Vec<EgressRecord>,
        journal: Arc<Journal>,
    ) -> Result<Self, PromptingError> {
        Ok(Self { origin: endpoint.origin()?, endpoint: endpoint.clone(), log: Mutex::new(log), journal })
    }

    /// Lets a request pass, and writes down that it leaves before it does. Returns its number.
    ///
    /// Errors: [`PromptingError::Egress`], and those of the journal.
    pub(crate) async fn pass(&self, request: &Request, ticket: &Ticket) -> Result<usize, PromptingError> {
        self.check(request.url(), ticket)?;
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let record = EgressRecord {
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64),
            host: self.origin.host_and_port(),
            request: ticket.request.clone(),
            body_digest: Digest::of(body).to_string(),
            body_bytes: body.len() as u64,
            status: None,
            sensitivity: ticket.sensitivity,
        };
        let (number, written) = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let number = log.len();
            log.push(record.clone());
            // Queued under the lock, so that the journal holds the numbers in order.
            (number, self.journal.submit(&Entry::Departed { number, record })?)
        };
        self.journal.wait(written).await?;
        Ok(number)
    }

    /// Notes the status of the answer.
    pub(crate) async fn note_status(&self, number: usize, status: u16) -> Result<(), PromptingError> {
        let status = u32::from(status);
        if let Some(record) = self.log.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
            record.status = Some(status);
        }
        self.journal.append(&Entry::Returned { number, status }).await
    }

    /// Everything that left, in order.
    pub(crate) fn records(&self) -> Vec<EgressRecord> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self, url: &Url, ticket: &Ticket) -> Result<(), PromptingError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let stop = |problem: String| Err(PromptingError::Egress { request: ticket.request.clone(), host, problem });
        match Origin::of(url) {
            Some(origin) if origin == self.origin => {}
            _ => return stop(format!("the endpoint is `{}`", self.origin.host_and_port())),
        }
        if !self.endpoint.admits(ticket.sensitivity)? {
            return stop(format!("its text is `{}` and the host is not in the house", ticket.sensitivity));
        }
        Ok(())
    }
}
