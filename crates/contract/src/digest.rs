use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// A BLAKE3 digest in lower-case hexadecimal, 64 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of a byte string.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }

    /// The digest of everything a reader yields, read in pieces of 64 KiB.
    ///
    /// Errors: whatever the reader returns.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                return Ok(Self(hasher.finalize().to_hex().to_string()));
            }
            hasher.update(&piece[..read]);
        }
    }

    /// A digest from text already known to be one, such as a field read back from a file.
    pub fn from_hex(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The 64 hexadecimal characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Digests a sequence of fields so that no two different sequences collide by concatenation.
#[derive(Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// An empty hasher.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one field, length first.
    #[must_use]
    pub fn field(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// The digest of all fields in order.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let split = |a: &str, b: &str| Hasher::new().field(a).field(b).finish();
        assert_ne!(split("ab", "c"), split("a", "bc"));
    }

    #[test]
    fn reader_and_bytes_agree() {
        let bytes = vec![7; 200_000];
        assert_eq!(Digest::of_reader(&bytes[..]).ok(), Some(Digest::of(&bytes)));
    }
}
