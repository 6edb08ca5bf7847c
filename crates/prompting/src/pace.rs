//! How many requests are in flight, and how soon the next may follow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::Endpoint;

/// Replies that are looked back on.
const LOOKBACK: u32 = 64;

/// What became of an attempt, as far as the pace is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The server answered as a server does, be it with an error of the request.
    Answered,
    /// It said that it is too much: 429 or 503.
    Refused,
    /// It failed or did not answer.
    Failed,
}

/// Concurrency by additive increase and multiplicative decrease, a circuit breaker, and buckets for requests and tokens
/// a minute.
///
/// One refusal among many answers concerns one request; a fifth of the replies refused concerns all of them: then the
/// number in flight is halved, and grows again by one for each round of answers. Replies to what was sent before the last
/// cut do not count towards the next (as in TCP, RFC 5681 §3.1: at most one cut for each round trip).
#[derive(Debug)]
pub(crate) struct Pace {
    permits: Arc<Semaphore>,
    state: Mutex<State>,
    most: usize,
    retries: usize,
    requests: Option<Mutex<Bucket>>,
    tokens: Option<Mutex<Bucket>>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits to take out of circulation as they come back.
    surplus: usize,
    epoch: u64,
    /// The last replies, the newest in the lowest bit; 1 is a refusal.
    replies: u64,
    seen: u32,
    /// The last attempts of any epoch, the newest in the lowest bit; 1 is a fault of any kind.
    attempts: u64,
    attempted: u32,
    /// Answers since the limit last grew.
    good: usize,
    failures: usize,
    last_answer: Option<Instant>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Slot {
    pace: Arc<Pace>,
    permit: Option<OwnedSemaphorePermit>,
    epoch: u64,
}

impl Pace {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        let most = endpoint.concurrency.max(1);
        let bucket = |per_minute: Option<u32>| per_minute.map(|rate| Mutex::new(Bucket::new(f64::from(rate))));
        Self {
            permits: Arc::new(Semaphore::new(most)),
            state: Mutex::new(State {
                limit: most,
                surplus: 0,
                epoch: 0,
                replies: 0,
                seen: 0,
                attempts: 0,
                attempted: 0,
                good: 0,
                failures: 0,
                last_answer: None,
            }),
            most,
            retries: endpoint.retries as usize,
            requests: bucket(endpoint.requests_per_minute),
            tokens: bucket(endpoint.tokens_per_minute),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a slot, first come first served.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        // The semaphore is never closed, so that a permit is always had.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        Slot { pace: Arc::clone(self), permit, epoch: self.state().epoch }
    }

    /// Books a request of so many tokens; when it may go.
    pub(crate) fn book(&self, tokens: u64) -> Instant {
        let now = Instant::now();
        let wait = |bucket: &Option<Mutex<Bucket>>, amount: f64| {
            let bucket = bucket.as_ref()?;
            Some(bucket.lock().unwrap_or_else(PoisonError::into_inner).take(amount, now))
        };
        let requests = wait(&self.requests, 1.0).unwrap_or_default();
        now + requests.max(wait(&self.tokens, tokens as f64).unwrap_or_default())
    }

    /// Corrects a booking once the tokens are known.
    pub(crate) fn correct(&self, booked: u64, used: u64) {
        if let Some(bucket) = &self.tokens {
            bucket.lock().unwrap_or_else(PoisonError::into_inner).level += booked as f64 - used as f64;
        }
    }

    /// Failures in a row from which the endpoint counts as down: more than one request alone can have, fewer than would
    /// use up the attempts of those under way.
    fn threshold(&self) -> usize {
        (self.most * 2).max(self.retries + 3)
    }

    /// Whether a fault is the trouble of an endpoint that did answer, and no longer one request's: then it is not counted
    /// against the request.
    pub(crate) fn is_troubled(&self, refused: bool) -> bool {
        let state = self.state();
        let overloaded = refused && (state.is_overloaded() || state.limit < self.most);
        state.last_answer.is_some() && (state.failures >= self.threshold() || overloaded)
    }

    /// Whether nearly all attempts are answered: then a fault is a request's own bad luck, and can soon be tried again.
    pub(crate) fn is_healthy(&self) -> bool {
        let state = self.state();
        state.attempted >= LOOKBACK / 4 && state.attempts.count_ones() * 6 <= state.attempted
    }

    /// For how long an endpoint that did answer has answered nothing, and how many attempts failed since, when it counts
    /// as down.
    pub(crate) fn down(&self) -> Option<(Duration, usize)> {
        let state = self.state();
        let last = state.last_answer.filter(|_| state.failures >= self.threshold())?;
        Some((last.elapsed(), state.failures))
    }

    fn heed(&self, signal: Signal, epoch: u64) {
        let mut state = self.state();
        state.attempts = state.attempts << 1 | u64::from(signal != Signal::Answered);
        state.attempted = (state.attempted + 1).min(LOOKBACK);
        if signal == Signal::Answered {
            let was_down = state.failures >= self.threshold();
            state.failures = 0;
            state.last_answer = Some(Instant::now());
            if was_down {
                self.raise(&mut state, self.most);
            }
            state.good += 1;
            if state.good >= state.limit && state.limit < self.most {
                let limit = state.limit + 1;
                self.raise(&mut state, limit);
            }
        } else {
            state.failures += 1;
            if state.failures == self.threshold() {
                // One at a time finds out whether it is back.
                self.lower(&mut state, 1);
            }
        }
        if signal != Signal::Failed && epoch == state.epoch {
            state.replies = state.replies << 1 | u64::from(signal == Signal::Refused);
            state.seen = (state.seen + 1).min(LOOKBACK);
            if state.is_overloaded() && signal == Signal::Refused {
                let limit = (state.limit / 2).max(1);
                self.lower(&mut state, limit);
            }
        }
    }

    fn raise(&self, state: &mut State, limit: usize) {
        let more = limit.saturating_sub(state.limit);
        let kept = more.min(state.surplus);
        state.surplus -= kept;
        self.permits.add_permits(more - kept);
        state.limit = state.limit.max(limit);
        state.good = 0;
    }

    fn lower(&self, state: &mut State, limit: usize) {
        let less = state.limit.saturating_sub(limit);
        state.surplus += less - self.permits.forget_permits(less);
        state.limit = limit;
        state.epoch += 1;
        (state.replies, state.seen, state.good) = (0, 0, 0);
        tracing::info!(limit, "fewer requests in flight");
    }
}

impl State {
    fn is_overloaded(&self) -> bool {
        let refused = self.replies.count_ones();
        refused >= 3 && refused * 5 >= self.seen
    }
}

impl Slot {
    /// Gives the slot back with what became of the request.
    pub(crate) fn end(self, signal: Signal) {
        self.pace.heed(signal, self.epoch);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if let Some(permit) = self.permit.take()
            && state.surplus > 0
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

/// A token bucket that fills at a constant rate and holds a second's worth: no minute sees more than the rate, and no
/// second a burst. What does not fit is let in when the bucket is full and leaves it in debt.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    size: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_minute: f64) -> Self {
        let per_second = per_minute / 60.0;
        let size = per_second.max(1.0);
        Self { per_second, size, level: size, at: Instant::now() }
    }

    /// Takes an amount, and says how long to wait until it is there.
    fn take(&mut self, amount: f64, now: Instant) -> Duration {
        let filled = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.level = (self.level + filled).min(self.size);
        self.at = now;
        let lacking = (amount.min(self.size) - self.level).max(0.0);
        self.level -= amount;
        Duration::from_secs_f64(lacking / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn pace(concurrency: usize) -> Arc<Pace> {
        let mut endpoint = Endpoint::new("e", "http://127.0.0.1/v1");
        endpoint.concurrency = concurrency;
        Arc::new(Pace::new(&endpoint))
    }

    /// Lets replies come in one after another and returns the limit after each.
    fn limits(pace: &Arc<Pace>, signals: &[Signal]) -> Vec<usize> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let step = |signal: &Signal| {
            runtime.block_on(pace.slot()).end(*signal);
            pace.state().limit
        };
        signals.iter().map(step).collect()
    }

    #[test]
    fn halves_on_overload_and_grows_by_one_for_each_round() {
        use Signal::{Answered, Refused};
        let pace = pace(8);
        assert_eq!(limits(&pace, &[Refused, Answered, Refused, Refused]), [8, 8, 8, 4]);
        assert_eq!(pace.permits.available_permits(), 4);
        assert_eq!(limits(&pace, &[Refused, Refused, Refused]), [4, 4, 2]);
        assert_eq!(limits(&pace, &[Answered; 10]), [2, 3, 3, 3, 4, 4, 4, 4, 5, 5]);
        assert_eq!(pace.permits.available_permits(), 5);
    }

    #[test]
    fn a_few_refusals_among_many_answers_change_nothing() {
        let pace = pace(64);
        for _ in 0..100 {
            let mut round = [Signal::Answered; 30];
            round[17] = Signal::Refused;
            assert!(limits(&pace, &round).iter().all(|limit| *limit == 64));
        }
        assert!(pace.is_healthy());
        limits(&pace, &[Signal::Failed; 11]);
        assert!(!pace.is_healthy());
        assert!(!pace.is_troubled(true));
    }

    #[test]
    fn replies_to_what_was_sent_before_a_cut_do_not_cut_again() {
        let pace = pace(8);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let slots: Vec<Slot> = (0..8).map(|_| runtime.block_on(pace.slot())).collect();
        for slot in slots {
            slot.end(Signal::Refused);
        }
        assert_eq!((pace.state().limit, pace.permits.available_permits()), (4, 4));
    }

    #[test]
    fn an_endpoint_that_is_down_is_probed_by_one_and_back_at_once() {
        let pace = pace(8);
        limits(&pace, &[Signal::Answered]);
        assert!(limits(&pace, &[Signal::Failed; 15]).iter().all(|limit| *limit == 8));
        assert_eq!(pace.down(), None);
        assert_eq!(limits(&pace, &[Signal::Failed; 3]), [1, 1, 1]);
        assert_eq!((pace.down().unwrap().1, pace.permits.available_permits()), (18, 1));
        assert_eq!(limits(&pace, &[Signal::Answered]), [8]);
        assert_eq!((pace.down(), pace.permits.available_permits()), (None, 8));
    }

    #[test]
    fn a_bucket_lets_no_minute_have_more_than_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket { per_second: 2.0, size: 2.0, level: 2.0, at: start };
        let waits: Vec<f64> = (0..6).map(|_| bucket.take(1.0, start).as_secs_f64()).collect();
        assert_eq!(waits, [0.0, 0.0, 0.5, 1.0, 1.5, 2.0]);
        // After three seconds the debt is paid; something larger than the bucket waits until it is full.
        let later = start + Duration::from_secs(3);
        assert_eq!(bucket.take(10.0, later), Duration::ZERO);
        assert_eq!(bucket.take(1.0, later), Duration::from_millis(4500));
    }
}
