use std::fs;
use std::path::Path;

use crate::PromptingError;

/// Reads a text file of the user's: a template, a vocabulary, a guideline. A byte order mark is left out.
///
/// Errors: [`PromptingError::File`], and [`PromptingError::NotUtf8`] with the line.
pub fn read_text(path: &Path) -> Result<String, PromptingError> {
    let bytes = fs::read(path).map_err(|source| PromptingError::file("read", path, source))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        PromptingError::NotUtf8 { path: path.to_owned(), line }
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.obo");
        fs::write(&path, bytes).unwrap();
        let found = read_text(&path).map_err(|error| error.to_string().replace(&*path.to_string_lossy(), "d.obo"));
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn bytes_become_text_or_name_their_line() {
        check("\u{feff}é\n".as_bytes(), Ok("é\n"));
        check(b"", Ok(""));
        check(b"a\nb\xff\n", Err("`d.obo` line 2: is not UTF-8; convert the file to UTF-8"));
    }
}
