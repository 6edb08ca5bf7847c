//! ChemProt as BioCreative VI published it: three tables of tab-separated values that name abstracts by PMID.
//!
//! Source: Krallinger et al. 2017, "Overview of the BioCreative VI chemical-protein interaction track".

use std::collections::HashMap;
use std::path::Path;

use clinsynth_contract::Span;

use crate::CorpusError;
use crate::folder::files_below;
use crate::lines::{Line, Lines, Source};
use crate::text::{AnnotatedText, Link, Mention, Reason};

/// The table of texts.
const ABSTRACTS: &str = "_abstracts";

/// Whether the folder holds the tables.
pub(crate) fn is_here(folder: &Path) -> Result<bool, CorpusError> {
    Ok(files_below(folder, "tsv")?.iter().any(|name| name.ends_with(ABSTRACTS)))
}

/// Entities and relations by PMID; they are kept in memory, the abstracts are read one at a time.
#[derive(Default)]
struct Annotations {
    entities: HashMap<String, Vec<Mention>>,
    relations: HashMap<String, Vec<(String, String, String, usize)>>,
}

/// Reads the abstracts of every set below the folder, one after the other.
pub(crate) fn read(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<AnnotatedText, CorpusError>> + Send + use<>, CorpusError> {
    let names = files_below(folder, "tsv")?;
    let mut annotations = Annotations::default();
    for name in &names {
        let path = folder.join(format!("{name}.tsv"));
        if name.ends_with("_entities") {
            each_row(&path, |source, line, row| entity(source, line, row, &mut annotations))?;
        } else if name.ends_with("_relations") {
            each_row(&path, |source, line, row| relation(source, line, row, &mut annotations))?;
        }
    }
    let sets: Vec<_> =
        names.iter().filter(|name| name.ends_with(ABSTRACTS)).map(|name| folder.join(format!("{name}.tsv"))).collect();
    let mut sets = sets.into_iter();
    let mut open: Option<(Source, Lines)> = None;
    Ok(std::iter::from_fn(move || {
        loop {
            if let Some((source, lines)) = &mut open {
                match next_abstract(source, lines, &mut annotations) {
                    Ok(Some(text)) => return Some(Ok(text)),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
            let source = Source::new(&sets.next()?);
            match source.open() {
                Ok(bytes) => open = Some((source.clone(), Lines::new(&source, bytes))),
                Err(error) => return Some(Err(error)),
            }
        }
    }))
}

fn each_row(
    path: &Path,
    mut read: impl FnMut(&Source, Line, &[&str]) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let source = Source::new(path);
    let mut lines = Lines::new(&source, source.open()?);
    while let Some(line) = lines.next()? {
        if !line.is_blank() {
            read(&source, line, &line.text.split('\t').collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// `PMID T1 CHEMICAL start end text`.
fn entity(source: &Source, line: Line, row: &[&str], annotations: &mut Annotations) -> Result<(), CorpusError> {
    let [document, id, label, start, end, stated] = row else {
        return Err(source.bad_columns(line, row.len(), "6 (PMID, entity, type, start, end, text)"));
    };
    let (Ok(start), Ok(end)) = (start.parse(), end.parse()) else {
        return Err(source.bad_line(line, "has an offset that is no number"));
    };
    annotations.entities.entry((*document).to_owned()).or_default().push(Mention {
        id: Some((*id).to_owned()),
        stated: Some((*stated).to_owned()),
        line: line.number,
        ..Mention::new(Span::new(start, end), *label)
    });
    Ok(())
}

/// `PMID CPR:4 Y INHIBITOR Arg1:T1 Arg2:T2`, or `PMID CPR:4 Arg1:T1 Arg2:T2` of the gold standard.
fn relation(source: &Source, line: Line, row: &[&str], annotations: &mut Annotations) -> Result<(), CorpusError> {
    let ([document, label, head, tail] | [document, label, _, _, head, tail]) = row else {
        return Err(source.bad_columns(line, row.len(), "4 or 6 (PMID, class, [evaluated, name,] two arguments)"));
    };
    let argument = |text: &str| text.split_once(':').map(|(_, id)| id.to_owned());
    let (Some(head), Some(tail)) = (argument(head), argument(tail)) else {
        return Err(source.bad_line(line, "has an argument that is not of the form `Arg1:T1`"));
    };
    let relations = annotations.relations.entry((*document).to_owned()).or_default();
    relations.push(((*label).trim().to_owned(), head, tail, line.number));
    Ok(())
}

/// `PMID title abstract`.
fn next_abstract(
    source: &Source,
    lines: &mut Lines,
    annotations: &mut Annotations,
) -> Result<Option<AnnotatedText>, CorpusError> {
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let row: Vec<&str> = line.text.split('\t').collect();
        let [id, title, body] = row[..] else {
            return Err(source.bad_columns(line, row.len(), "3 (PMID, title, abstract)"));
        };
        let mut text = AnnotatedText { id: id.to_owned(), line: line.number, ..AnnotatedText::default() };
        text.push_passage("title", title);
        text.push_passage("abstract", body);
        text.mentions = annotations.entities.remove(id).unwrap_or_default();
        for (label, head, tail, line) in annotations.relations.remove(id).unwrap_or_default() {
            let index = |id: &str| text.mentions.iter().position(|mention| mention.id.as_deref() == Some(id));
            match (index(&head), index(&tail)) {
                (Some(head), Some(tail)) => text.links.push(Link { line, ..Link::between(head, tail, label) }),
                _ => text.set_aside(
                    Reason::RelationMentionNotFound,
                    format!("line {line}: a `{label}` relation names `{head}` and `{tail}`, one of which is no entity"),
                ),
            }
        }
        return Ok(Some(text));
    }
    Ok(None)
}
