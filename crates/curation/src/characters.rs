//! Characters that no sentence of the data set should hold.

use clinsynth_contract::Example;

use crate::ledger::Finding;
use crate::{CurationSettings, Reason};

/// A family of writing systems, coarse on purpose: enough to see that a text slipped into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Latin,
    Greek,
    Cyrillic,
    MiddleEastern,
    Indic,
    SoutheastAsian,
    EastAsian,
    Other,
}

/// Blocks of the Unicode standard, last code point and script, by code point.
const BLOCKS: [(u32, Script); 21] = [
    (0x036f, Script::Latin),
    (0x03ff, Script::Greek),
    (0x052f, Script::Cyrillic),
    (0x058f, Script::Other),
    (0x08ff, Script::MiddleEastern),
    (0x0dff, Script::Indic),
    (0x109f, Script::SoutheastAsian),
    (0x10ff, Script::Other),
    (0x11ff, Script::EastAsian),
    (0x177f, Script::Other),
    (0x17ff, Script::SoutheastAsian),
    (0x1cff, Script::Other),
    (0x1eff, Script::Latin),
    (0x1fff, Script::Greek),
    (0x2c7f, Script::Latin),
    (0x2e7f, Script::Other),
    (0xa4cf, Script::EastAsian),
    (0xabff, Script::Latin),
    (0xfaff, Script::EastAsian),
    (0xfb4f, Script::Latin),
    (0xfeff, Script::MiddleEastern),
];

/// The script of a letter.
pub(crate) fn script(letter: char) -> Script {
    let code = u32::from(letter);
    match BLOCKS.iter().find(|&&(last, _)| code <= last) {
        Some(&(_, script)) => script,
        // Half- and full-width forms, the ideographs beyond the first plane, and mathematical alphabets.
        None => match code {
            0xff21..=0xff5a | 0x1d400..=0x1d7ff => Script::Latin,
            0xff66..=0xffdc | 0x1aff0..=0x1b2ff | 0x20000..=0x3ffff => Script::EastAsian,
            _ => Script::Other,
        },
    }
}

const SCRIPTS: [Script; 8] = [
    Script::Latin,
    Script::Greek,
    Script::Cyrillic,
    Script::MiddleEastern,
    Script::Indic,
    Script::SoutheastAsian,
    Script::EastAsian,
    Script::Other,
];

/// The script of most letters of a data set.
pub(crate) fn main_script(examples: &[Example]) -> Script {
    let mut letters = [0u64; SCRIPTS.len()];
    for c in examples.iter().flat_map(|example| example.text.chars()).filter(|c| c.is_alphabetic()) {
        letters[script(c) as usize] += 1;
    }
    let most = (0..SCRIPTS.len()).rev().max_by_key(|&index| letters[index]);
    most.map_or(Script::Latin, |index| SCRIPTS[index])
}

/// What is wrong with the characters of a text, if anything.
pub(crate) fn character_finding(text: &str, main: Script, settings: &CurationSettings) -> Option<Finding> {
    if let Some(residue) = settings.residue.iter().find(|residue| text.contains(residue.as_str())) {
        return Some((Reason::PromptResidue, format!("holds `{residue}`")));
    }
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    for (index, c) in text.chars().enumerate() {
        if c == char::REPLACEMENT_CHARACTER {
            return Some((Reason::ReplacementCharacter, format!("U+FFFD at character {index}")));
        }
        if is_unwanted(c) {
            return Some((Reason::ControlCharacter, format!("U+{:04X} at character {index}", u32::from(c))));
        }
    }
    foreign_script(text, main, settings.max_foreign_share)
}

/// Control characters but for white space; zero-width and direction marks; private use; the noncharacters.
fn is_unwanted(c: char) -> bool {
    match u32::from(c) {
        // White space, and the joiners, which are part of the spelling in Persian and the Indic scripts.
        0x09 | 0x0a | 0x0d | 0x200c | 0x200d => false,
        0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff | 0xfdd0..=0xfdef => true,
        code => c.is_control() || code & 0xfffe == 0xfffe || code >= 0xf_0000,
    }
}

fn foreign_script(text: &str, main: Script, max_share: f64) -> Option<Finding> {
    let (mut letters, mut foreign) = (0u32, 0u32);
    let mut previous = None;
    for (index, c) in text.chars().enumerate() {
        let current = c.is_alphabetic().then(|| script(c));
        if let Some(current) = current {
            letters += 1;
            foreign += u32::from(![main, Script::Latin, Script::Greek].contains(&current));
        }
        if let (Some(Script::Latin), Some(Script::Cyrillic)) | (Some(Script::Cyrillic), Some(Script::Latin)) =
            (previous, current)
        {
            return Some((Reason::ForeignScript, format!("Latin meets Cyrillic in a word at character {index}")));
        }
        previous = current;
    }
    let share = f64::from(foreign) / f64::from(letters.max(1));
    (share > max_share)
        .then(|| (Reason::ForeignScript, format!("{foreign} of {letters} letters are of a foreign script")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Reason>) {
        let found = character_finding(text, Script::Latin, &CurationSettings::default());
        assert_eq!(found.map(|(reason, _)| reason), expected, "{text:?}");
    }

    #[test]
    fn finds_what_no_sentence_should_hold() {
        check("TNF-α rose in Ménière disease (5 µg/ml, ≥ 3 days).", None);
        check("Two lines\nof text", None);
        check("bell \u{7} rings", Some(Reason::ControlCharacter));
        check("zero\u{200b}width", Some(Reason::ControlCharacter));
        check("private \u{e001} use", Some(Reason::ControlCharacter));
        check("broken \u{fffd} text", Some(Reason::ReplacementCharacter));
        check("The patient has {{ disease }}", Some(Reason::PromptResidue));
        check("{\"text\": \"The patient", Some(Reason::PromptResidue));
        check("Рак молочной железы", Some(Reason::ForeignScript));
        check("The tumour markers 肺癌肺癌肺癌", Some(Reason::ForeignScript));
        check("Breast \u{441}ancer was found in many families", Some(Reason::ForeignScript));
    }

    #[test]
    fn the_data_set_decides_which_script_is_foreign() {
        let example = |text: &str| Example { text: text.to_owned(), ..Example::default() };
        let russian = main_script(&[example("Рак молочной железы"), example("BRCA1")]);
        assert_eq!(russian, Script::Cyrillic);
        assert_eq!(character_finding("Рак и BRCA", russian, &CurationSettings::default()), None);
        assert_eq!(main_script(&[]), Script::Latin);
        assert_eq!(
            [script('肺'), script('한'), script('ク'), script('ü'), script('β')].map(|script| script as usize),
            [6, 6, 6, 0, 1]
        );
    }
}
