//! Text to sub-token windows and back, without loss
