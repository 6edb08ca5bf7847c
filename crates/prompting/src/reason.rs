use clinsynth_contract::{Quarantined, Sensitivity, reasons};

reasons! {
    /// Why a completion or an example was set aside, or kept with a warning.
    ///
    /// The code is what stands in the `reason` column of the `quarantine` table.
    pub enum Reason {
        /// A line of the recordings is not JSON.
        RecordingNotJson = "recording_not_json",
        /// A line of the recordings is JSON but lacks a field or holds one of another type.
        RecordingIncomplete = "recording_incomplete",
        /// No recorded completion answers this prompt.
        NoRecording = "no_recording",
        /// The endpoint refused this request (such as a prompt longer than its context).
        RequestRefused = "request_refused",
        /// The endpoint kept failing on this request until the retries were spent.
        EndpointFailed = "endpoint_failed",
        /// The endpoint's reply is not a chat completion.
        BadReply = "bad_reply",
        /// The endpoint withheld the completion (finish reason `content_filter`).
        ContentFiltered = "content_filtered",
        /// The completion is empty.
        EmptyCompletion = "empty_completion",
        /// The completion holds no JSON object or array.
        NoJson = "no_json",
        /// The JSON holds no example.
        NoExamples = "no_examples",
        /// The JSON breaks off or is malformed from here on; the complete examples before it were kept.
        TruncatedJson = "truncated_json",
        /// An example is not a JSON object.
        NotAnObject = "not_an_object",
        /// An example has no text field, or one that is not a string.
        TextMissing = "text_missing",
        /// An example's text is empty.
        EmptyText = "empty_text",
        /// An example's text is longer than the settings allow.
        TextTooLong = "text_too_long",
        /// An example has no list of entities; it may hold mentions that nobody labelled.
        EntitiesMissing = "entities_missing",
        /// An entity has another form than text and label.
        MalformedEntity = "malformed_entity",
        /// A mention is empty.
        EmptyMention = "empty_mention",
        /// A label is neither in the label set nor a synonym of one that is.
        UnknownLabel = "unknown_label",
        /// A relation example lacks its head or tail.
        PairMissing = "pair_missing",
        /// A relation example lacks its relation.
        RelationMissing = "relation_missing",
        /// A relation is neither in the relation set nor a synonym of one that is.
        UnknownRelation = "unknown_relation",
        /// A mention does not occur in the text (as often as it was given).
        MentionNotFound = "mention_not_found",
        /// A mention occurs only inside or across another mention, which flat tags cannot hold.
        MentionOverlaps = "mention_overlaps",
        /// The text does not hold the mention that it was asked for.
        SeedMissing = "seed_missing",
        /// The text holds the mention that it was asked for, but nothing is labelled there.
        SeedUnlabelled = "seed_unlabelled",
        /// A label of a given text got no verdict.
        VerdictMissing = "verdict_missing",
        /// A verdict names no label of its text, or is no verdict.
        MalformedVerdict = "malformed_verdict",
        /// Dropped: fewer votes than it takes.
        Outvoted = "outvoted",
        /// No completion about the text could be read, so that it has no labels.
        NoVote = "no_vote",
        /// Dropped: written to try a prompt of a search.
        PromptTrial = "prompt_trial",
        /// Warning: the mention occurs more often than it was labelled.
        AmbiguousMention = "ambiguous_mention",
        /// Warning: the mention was found only with case, spacing, hyphens or Unicode form ignored.
        LooseMatch = "loose_match",
        /// Warning: the mention was listed more often than it occurs; the surplus was dropped.
        SurplusMention = "surplus_mention",
        /// Warning: the completion holds fewer examples than were asked for.
        FewerThanAsked = "fewer_than_asked",
        /// Warning: the completion holds more examples than were asked for; all are kept.
        MoreThanAsked = "more_than_asked",
        /// Warning: the example failed; the model wrote it anew when it was shown the fault.
        Repaired = "repaired",
        /// Dropped: an example before it has the same text, and an exact number of distinct ones is asked for.
        RepeatedText = "repeated_text",
        /// Dropped: as many examples as asked for were accepted before it.
        BeyondCount = "beyond_count",
    }
}

/// The step name in the `stage` column of rows that this crate sets aside.
pub(crate) const STAGE: &str = "generate";

impl Reason {
    /// The quarantined row of this reason.
    pub(crate) fn row(
        self,
        id: impl Into<String>,
        detail: impl Into<String>,
        request: Option<&str>,
        text: impl Into<String>,
        sensitivity: Sensitivity,
    ) -> Quarantined {
        Quarantined {
            id: id.into(),
            stage: STAGE.to_owned(),
            reason: self.code().to_owned(),
            detail: detail.into(),
            request: request.map(str::to_owned),
            text: text.into(),
            sensitivity,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_snake_case_names() {
        let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
