//! Tags encodings with an exported model
