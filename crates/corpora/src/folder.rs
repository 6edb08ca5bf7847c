//! Folders with a file for each text.

use std::fs;
use std::path::{Path, PathBuf};

use crate::CorpusError;
use crate::lines::{Source, read_text};
use crate::text::AnnotatedText;
use crate::write::{Losses, count_unkept, unwritable};

/// All files below a folder whose names end in `.EXTENSION`, by path relative to it without the extension, sorted.
pub(crate) fn files_below(folder: &Path, extension: &str) -> Result<Vec<String>, CorpusError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let here = folder.join(&relative);
        let unreadable = |source| Source::new(&here).unreadable(source);
        for entry in fs::read_dir(&here).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = relative.join(entry.file_name());
            // Follows links, as opening the file would.
            if here.join(entry.file_name()).is_dir() {
                open.push(name);
            } else if name.extension().is_some_and(|found| found == extension) {
                found.push(name.with_extension("").to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the `.txt` files below a folder, one after the other.
pub(crate) fn read_texts(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<AnnotatedText, CorpusError>> + Send + use<>, CorpusError> {
    let names = files_below(folder, "txt")?;
    let folder = folder.to_owned();
    Ok(names.into_iter().map(move |id| {
        let text = read_text(&folder.join(format!("{id}.txt")))?;
        Ok(AnnotatedText { id, text, line: 1, ..AnnotatedText::default() })
    }))
}

/// Where a text of a folder stands, without extension; its parent folder is made.
///
/// Parts of the identifier that would lead out of the folder become names.
pub(crate) fn place(folder: &Path, id: &str) -> Result<PathBuf, CorpusError> {
    let mut path = folder.to_owned();
    for part in id.split('/') {
        let name: String =
            part.chars().map(|c| if c.is_control() || "\\:*?\"<>|".contains(c) { '_' } else { c }).collect();
        path.push(if matches!(name.as_str(), "" | "." | "..") { "_" } else { &name });
    }
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|source| unwritable(parent, source))?;
    Ok(path)
}

/// Writes one file of a folder; `path` is without the extension.
pub(crate) fn write_file(path: &Path, extension: &str, content: &str) -> Result<(), CorpusError> {
    // Not `with_extension`, which would cut an identifier with a dot.
    let path = PathBuf::from(format!("{}.{extension}", path.display()));
    fs::write(&path, content).map_err(|source| unwritable(&path, source))
}

/// Writes a plain text.
pub(crate) fn write_text(folder: &Path, text: &AnnotatedText, losses: &mut Losses) -> Result<(), CorpusError> {
    count_unkept(text, losses);
    write_file(&place(folder, &text.id)?, "txt", &text.text)
}
