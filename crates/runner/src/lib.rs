//! Runs a plan: cache, steps, events, resume
