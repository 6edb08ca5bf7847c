use clinsynth_contract::reasons;

reasons! {
    /// Why an example was set aside, or what is remarkable about one that was kept.
    pub enum Reason {
        /// Dropped: fewer words than allowed.
        TooShort = "too_short",
        /// Dropped: more words than allowed.
        TooLong = "too_long",
        /// Dropped: holds control, invisible or private-use characters.
        ControlCharacter = "control_character",
        /// Dropped: holds U+FFFD, the trace of a decoding error.
        ReplacementCharacter = "replacement_character",
        /// Dropped: too many letters of a script that is neither the data set's own, Latin nor Greek, or a word that mixes
        /// Latin and Cyrillic letters.
        ForeignScript = "foreign_script",
        /// Dropped: holds leftovers of a prompt or of the answer's own notation.
        PromptResidue = "prompt_residue",
        /// Dropped: a mention covers nothing, or only white space.
        MentionEmpty = "mention_empty",
        /// Dropped: a mention reaches past the end of the text.
        MentionOutside = "mention_outside",
        /// Dropped: two mentions share characters.
        MentionOverlap = "mention_overlap",
        /// Dropped: a mention starts or ends inside a word, and is not just a word without its plural ending.
        MentionInsideWord = "mention_inside_word",
        /// Flagged: white space at the edge of a mention was taken off.
        MentionTrimmed = "mention_trimmed",
        /// Flagged: a mention was extended by the plural ending of its last word.
        MentionExtended = "mention_extended",
        /// Dropped: the text stands earlier in the data set, but for case, white space and punctuation.
        Duplicate = "duplicate",
        /// Dropped: a very similar text stands earlier in the data set.
        NearDuplicate = "near_duplicate",
        /// Dropped: a near copy of an evaluation text, or a long run of words from one.
        Contaminated = "contaminated",
        /// Flagged, or dropped where the policy says so: a string that is mostly labelled elsewhere is not labelled here.
        InconsistentMention = "inconsistent_mention",
        /// Flagged: a mention has another label than most mentions of the same string.
        LabelConflict = "label_conflict",
    }
}
