/// Why an example was set aside, or what is remarkable about one that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Dropped: fewer words than allowed.
    TooShort,
    /// Dropped: more words than allowed.
    TooLong,
    /// Dropped: holds control, invisible or private-use characters.
    ControlCharacter,
    /// Dropped: holds U+FFFD, the trace of a decoding error.
    ReplacementCharacter,
    /// Dropped: too many letters of a script that is neither the data set's own, Latin nor Greek, or a word that mixes
    /// Latin and Cyrillic letters.
    ForeignScript,
    /// Dropped: holds leftovers of a prompt or of the answer's own notation.
    PromptResidue,
    /// Dropped: a mention covers nothing, or only white space.
    MentionEmpty,
    /// Dropped: a mention reaches past the end of the text.
    MentionOutside,
    /// Dropped: two mentions share characters.
    MentionOverlap,
    /// Dropped: a mention starts or ends inside a word, and is not just a word without its plural ending.
    MentionInsideWord,
    /// Flagged: white space at the edge of a mention was taken off.
    MentionTrimmed,
    /// Flagged: a mention was extended by the plural ending of its last word.
    MentionExtended,
    /// Dropped: the text stands earlier in the data set, but for case, white space and punctuation.
    Duplicate,
    /// Dropped: a very similar text stands earlier in the data set.
    NearDuplicate,
    /// Dropped: a near copy of an evaluation text, or a long run of words from one.
    Contaminated,
    /// Flagged, or dropped where the policy says so: a string that is nearly always labelled is not labelled here.
    InconsistentMention,
    /// Flagged: a mention has another label than most mentions of the same string.
    LabelConflict,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::TooShort,
        Self::TooLong,
        Self::ControlCharacter,
        Self::ReplacementCharacter,
        Self::ForeignScript,
        Self::PromptResidue,
        Self::MentionEmpty,
        Self::MentionOutside,
        Self::MentionOverlap,
        Self::MentionInsideWord,
        Self::MentionTrimmed,
        Self::MentionExtended,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::Contaminated,
        Self::InconsistentMention,
        Self::LabelConflict,
    ];

    /// The code in `quarantine` rows and counts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::ReplacementCharacter => "replacement_character",
            Self::ForeignScript => "foreign_script",
            Self::PromptResidue => "prompt_residue",
            Self::MentionEmpty => "mention_empty",
            Self::MentionOutside => "mention_outside",
            Self::MentionOverlap => "mention_overlap",
            Self::MentionInsideWord => "mention_inside_word",
            Self::MentionTrimmed => "mention_trimmed",
            Self::MentionExtended => "mention_extended",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near_duplicate",
            Self::Contaminated => "contaminated",
            Self::InconsistentMention => "inconsistent_mention",
            Self::LabelConflict => "label_conflict",
        }
    }
}
