use crate::input::{Input, Line};
use crate::{CorpusError, Format, iob, pubtator};

/// Tells the form of a file from its first line with text.
pub(crate) fn detect(input: &Input, first: Line) -> Result<Format, CorpusError> {
    if pubtator::is_title(first.text) {
        Ok(Format::PubTator)
    } else if iob::is_document_start(first.text) || iob::is_tagged(first.text) {
        Ok(Format::Iob)
    } else {
        Err(input.unknown_format(first))
    }
}
