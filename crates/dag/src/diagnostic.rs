//! What is wrong with a pipeline file, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a text. Lines and columns count from 1, columns and width in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Characters concerned on that line.
    pub width: usize,
}

impl Place {
    pub(crate) const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Place,
    /// Where the value comes from, when it does not stand at the place itself.
    pub note: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { message: message.into(), place, note: None, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds `did you mean …` when one of the known words is near.
    pub(crate) fn suggest<'k>(mut self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        if let Some(near) = nearest(word, known) {
            self.help = Some(format!("did you mean `{near}`?"));
        }
        self
    }

    /// Adds a list of what is known, unless a suggestion was made.
    pub(crate) fn or_list<'k>(mut self, what: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<_> = known.into_iter().collect();
        if self.help.is_none() && !known.is_empty() {
            self.help = Some(format!("{what}: {}", known.join(", ")));
        }
        self
    }
}

/// The known word most like this one, if it is like it at all.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let scored = known.into_iter().map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// Everything that is wrong with one file, each with the line of the file that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: PathBuf,
    lines: Vec<String>,
    list: Vec<Diagnostic>,
}

impl Problems {
    pub(crate) fn new(file: &Path, text: &str, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|problem| problem.place);
        let mut kept: Vec<Diagnostic> = Vec::new();
        for problem in list {
            // Each instance of a matrix finds the same fault in the file once more.
            if !kept.contains(&problem) {
                kept.push(problem);
            }
        }
        let wanted = |number: usize| kept.iter().any(|problem| problem.place.line == number);
        let lines = text.lines().enumerate();
        let lines =
            lines.map(|(index, line)| if wanted(index + 1) { line.to_owned() } else { String::new() }).collect();
        Self { file: file.to_owned(), lines, list: kept }
    }

    /// The problems, in the order of the file.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            let line = self.lines.get(problem.place.line.wrapping_sub(1)).map_or("", String::as_str);
            write_one(f, &self.file, line, problem)?;
        }
        Ok(())
    }
}

fn write_one(f: &mut fmt::Formatter<'_>, file: &Path, line: &str, problem: &Diagnostic) -> fmt::Result {
    let Place { line: number, column, width } = problem.place;
    let gutter = " ".repeat(number.to_string().len());
    let (shown, before) = window(line, column);
    let carets = "^".repeat(width.clamp(1, shown.chars().count().saturating_sub(before).max(1)));
    writeln!(f, "{}", printable(&problem.message))?;
    writeln!(f, "{gutter}--> {}:{number}:{column}", file.display())?;
    writeln!(f, "{gutter} |")?;
    writeln!(f, "{number} | {shown}")?;
    write!(f, "{gutter} | {}{carets}", " ".repeat(before))?;
    for (word, text) in [("note", &problem.note), ("help", &problem.help)] {
        if let Some(text) = text {
            write!(f, "\n{gutter} = {word}: {}", printable(text))?;
        }
    }
    Ok(())
}

/// The part of a line around a column, and how many of its characters stand before the column.
fn window(line: &str, column: usize) -> (String, usize) {
    const BEFORE: usize = 60;
    const LENGTH: usize = 110;
    let first = column.saturating_sub(1).saturating_sub(BEFORE);
    let shown = line.chars().skip(first).take(LENGTH).map(visible).collect();
    (shown, column.saturating_sub(1) - first)
}

/// The text without characters that could steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("epoch", ["encoder", "epochs", "seed"]), Some("epochs"));
        assert_eq!(nearest("tarin", ["train", "curate"]), Some("train"));
        assert_eq!(nearest("banana", ["train", "curate"]), None);
        assert_eq!(nearest("", []), None);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line = format!("{}HERE{}", "a".repeat(300), "b".repeat(300));
        let problem = Diagnostic::new(Place { line: 1, column: 301, width: 4 }, "bad\u{1b}[31m");
        let text = Problems::new(Path::new("p.yaml"), &line, vec![problem.clone(), problem]).to_string();
        assert_eq!(
            text,
            format!(
                "bad [31m\n --> p.yaml:1:301\n  |\n1 | {}HERE{}\n  | {}^^^^",
                "a".repeat(60),
                "b".repeat(46),
                " ".repeat(60)
            )
        );
    }
}
