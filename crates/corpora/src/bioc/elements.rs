use crate::CorpusError;
use crate::lines::{Bytes, Source};

/// Largest document that is read, in bytes.
const LARGEST: usize = 1 << 30;
/// Deepest nesting of arrays and objects.
const DEPTH: usize = 64;

/// Cuts the elements of one array out of a JSON file, without reading the rest into memory: of the file itself when it
/// is an array, else of the array under one of `keys` in the outermost object.
pub(crate) struct Elements {
    source: Source,
    bytes: Bytes,
    keys: &'static [&'static str],
    line: usize,
    byte: u64,
    /// Brackets that are open around the array's elements; 0 before the array was found.
    within: usize,
    ended: bool,
}

/// One element, as bytes, with the line at which it begins.
pub(crate) struct ElementText {
    pub(crate) bytes: Vec<u8>,
    pub(crate) line: usize,
}

impl Elements {
    pub(crate) fn new(source: &Source, bytes: Bytes, keys: &'static [&'static str]) -> Self {
        Self { source: source.clone(), bytes, keys, line: 1, byte: 0, within: 0, ended: false }
    }

    fn bad(&self, problem: impl Into<String>) -> CorpusError {
        CorpusError::Syntax { path: self.source.path(), line: self.line, problem: problem.into() }
    }

    fn next_byte(&mut self) -> Result<Option<u8>, CorpusError> {
        let buffer = self.bytes.fill_buf().map_err(|source| self.source.unreadable(source))?;
        let Some(&byte) = buffer.first() else { return Ok(None) };
        self.bytes.consume(1);
        self.byte += 1;
        self.line += usize::from(byte == b'\n');
        Ok(Some(byte))
    }

    /// The next byte that is not white space; a byte order mark counts as such.
    fn next_mark(&mut self) -> Result<Option<u8>, CorpusError> {
        loop {
            match self.next_byte()? {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0xef | 0xbb | 0xbf) => {}
                byte => return Ok(byte),
            }
        }
    }

    /// Goes to the first element.
    fn find_array(&mut self) -> Result<(), CorpusError> {
        match self.next_mark()? {
            Some(b'[') => self.within = 1,
            Some(b'{') => self.find_key()?,
            None => self.ended = true,
            Some(_) => return Err(self.bad("is no JSON object or array")),
        }
        Ok(())
    }

    /// Passes over the outermost object's values up to the array of documents.
    fn find_key(&mut self) -> Result<(), CorpusError> {
        loop {
            match self.next_mark()? {
                Some(b'"') => {}
                Some(b',') => continue,
                Some(b'}') => return Err(self.bad(format!("ends without the array `{}`", self.keys.join("` or `")))),
                None => return Err(self.cut_short()),
                Some(_) => return Err(self.bad("has no key where one is due")),
            }
            let key = self.value(b'"')?;
            let named = self.keys.iter().any(|known| key == format!("\"{known}\"").as_bytes());
            if self.next_mark()? != Some(b':') {
                return Err(self.bad("has no `:` after a key"));
            }
            match self.next_mark()? {
                Some(b'[') if named => {
                    self.within = 2;
                    return Ok(());
                }
                Some(first) => drop(self.value(first)?),
                None => return Err(self.cut_short()),
            }
        }
    }

    fn cut_short(&self) -> CorpusError {
        self.bad("ends in the middle of a value; the file is cut short")
    }

    /// A whole value from its first byte on. A number or word ends before the mark that follows it.
    fn value(&mut self, first: u8) -> Result<Vec<u8>, CorpusError> {
        let mut bytes = vec![first];
        let (mut open, mut quoted, mut escaped) = (0, first == b'"', false);
        match first {
            b'{' | b'[' => open = 1,
            b'"' => {}
            _ => return self.word(bytes),
        }
        while open > 0 || quoted {
            let byte = self.next_byte()?.ok_or_else(|| self.cut_short())?;
            bytes.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => open += 1,
                b'}' | b']' if !quoted => open -= 1,
                _ => {}
            }
            if bytes.len() > LARGEST || open > DEPTH {
                return Err(self.bad("is nested too deeply or too large for one document"));
            }
        }
        Ok(bytes)
    }

    fn word(&mut self, mut bytes: Vec<u8>) -> Result<Vec<u8>, CorpusError> {
        loop {
            let buffer = self.bytes.fill_buf().map_err(|source| self.source.unreadable(source))?;
            match buffer.first() {
                Some(byte) if byte.is_ascii_alphanumeric() || b"+-.".contains(byte) => {}
                _ => return Ok(bytes),
            }
            bytes.extend(self.next_byte()?);
        }
    }

    fn element(&mut self) -> Result<Option<ElementText>, CorpusError> {
        if self.within == 0 && !self.ended {
            self.find_array()?;
        }
        while !self.ended {
            match self.next_mark()? {
                Some(b',') => {}
                Some(b']') => self.ended = true,
                Some(first) => {
                    let line = self.line;
                    return Ok(Some(ElementText { bytes: self.value(first)?, line }));
                }
                None => return Err(self.cut_short()),
            }
        }
        Ok(None)
    }
}

impl Iterator for Elements {
    type Item = Result<ElementText, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.element().transpose()
    }
}
