use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use clinsynth_contract::Digest;

use crate::seal;

/// A file that digests what is written to it.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
    hasher: blake3::Hasher,
    written: u64,
    /// What was written since [`Sink::begin_footer`].
    footer: Option<Vec<u8>>,
}

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        Self { file, hasher: blake3::Hasher::new(), written: 0, footer: None }
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

    /// Declares what follows to be the footer, page index included.
    pub(crate) fn begin_footer(&mut self) {
        self.footer = Some(Vec::new());
    }

    /// Writes the digest of the footer into it.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        let mut footer = self.footer.take().unwrap_or_default();
        let (place, digest) =
            seal::compute(&mut footer).ok_or_else(|| io::Error::other("the footer has no place for its digest"))?;
        let start = self.written - footer.len() as u64;
        self.file.seek(SeekFrom::Start(start + place as u64))?;
        self.file.write_all(digest.as_str().as_bytes())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.written += written as u64;
        if let Some(footer) = &mut self.footer {
            footer.extend_from_slice(&bytes[..written]);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
