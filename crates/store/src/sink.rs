use std::fs::File;
use std::io::{self, Write};

use clinsynth_contract::Digest;

/// A file that digests what is written to it.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
    hasher: blake3::Hasher,
    written: u64,
}

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        Self { file, hasher: blake3::Hasher::new(), written: 0 }
    }

    /// The file underneath.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Digest of the bytes written so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest::from_hex(self.hasher.finalize().to_hex().to_string())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
