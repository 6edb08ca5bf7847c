use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::RunnerError;

/// Set once somebody asks the process to stop; steps look at it between units of work.
pub type Stop = Arc<AtomicBool>;

/// Sets the flag on SIGINT or SIGTERM; a second signal ends the process at once with exit code 130.
///
/// Errors: [`RunnerError::Signals`] when the handlers cannot be registered.
pub fn stop_on_signals() -> Result<Stop, RunnerError> {
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM] {
        // Order matters: the conditional shutdown sees the flag as the first signal left it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .map_err(RunnerError::Signals)?;
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(RunnerError::Signals)?;
    }
    Ok(stop)
}

/// Sets the flag when standard input closes: the runner that started this step is gone, even by `kill -9`.
pub fn stop_when_input_closes(stop: &Stop) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        stop.store(true, Ordering::SeqCst);
    });
}
