/// A reason code in words, for reports.
pub(crate) struct Meaning {
    pub(crate) words: &'static str,
    /// Whether the row concerned was kept.
    pub(crate) is_warning: bool,
}

/// What a reason code of the `quarantine` table means. Each crate documents its own; a user's command may have others.
pub(crate) fn meaning(code: &str) -> Meaning {
    let prompting = clinsynth_prompting::Reason::ALL.iter().map(|reason| (reason.code(), reason.meaning()));
    let curation = clinsynth_curation::Reason::ALL.iter().map(|reason| (reason.code(), reason.meaning()));
    let corpora = clinsynth_corpora::Reason::ALL.iter().map(|reason| (reason.code(), reason.meaning()));
    let found = prompting.chain(curation).chain(corpora).find(|(known, _)| *known == code);
    let (_, words) = found.unwrap_or((code, ""));
    let words_of_flag = words.strip_prefix("Warning: ").or_else(|| words.strip_prefix("Flagged: "));
    Meaning {
        words: words_of_flag.or_else(|| words.strip_prefix("Dropped: ")).unwrap_or(words),
        is_warning: words_of_flag.is_some(),
    }
}
