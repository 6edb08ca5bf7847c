//! Holds the integration tests; see `integration/`.
