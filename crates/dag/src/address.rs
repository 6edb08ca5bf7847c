//! Addresses of step instances on the command line.

use crate::diagnostic::nearest;
use crate::{PipelineError, Plan, PlannedStep};

impl Plan {
    /// The instances to run that an address means: `train` all instances of the step, `train@seed=0` those at this value of the
    /// axis, `*@seed=0` of any step. `*` stands for any characters and `?` for one, in names and in values.
    ///
    /// Errors: [`PipelineError::UnknownStep`] when there is none.
    pub fn select(&self, pattern: &str) -> Result<Vec<&PlannedStep>, PipelineError> {
        let chosen: Vec<_> = self.steps.iter().filter(|step| matches(pattern, step)).collect();
        if chosen.is_empty() {
            return Err(PipelineError::UnknownStep { pattern: pattern.to_owned(), hint: self.hint(pattern) });
        }
        Ok(chosen)
    }

    /// As [`Self::select`], but none is no error.
    pub fn matching<'p>(&'p self, pattern: &'p str) -> impl Iterator<Item = &'p PlannedStep> + 'p {
        self.steps.iter().filter(move |step| matches(pattern, step))
    }

    fn hint(&self, pattern: &str) -> String {
        if let Some(skipped) = self.skipped.iter().find(|step| glob(pattern, &step.id) || glob(pattern, &step.step)) {
            return format!(": `{}` is skipped, because {}", skipped.id, skipped.reason);
        }
        let known = self.steps.iter().flat_map(|step| [step.step.as_str(), step.id.as_str()]);
        if let Some(near) = nearest(pattern, known) {
            return format!("; did you mean `{near}`?");
        }
        let ids: Vec<_> = self.steps.iter().map(|step| step.id.as_str()).collect();
        format!(", only {}", ids.join(", "))
    }
}

fn matches(pattern: &str, step: &PlannedStep) -> bool {
    if glob(pattern, &step.id) {
        return true;
    }
    let Some((name, pairs)) = pattern.split_once('@') else { return glob(pattern, &step.step) };
    let own = step.id.split_once('@').map_or("", |(_, own)| own);
    glob(name, &step.step) && pairs.split(',').all(|pair| own.split(',').any(|own| glob(pair, own)))
}

/// Whether the text fits a pattern in which `*` is any characters and `?` one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the characters after the last star do not fit.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, eaten)) => {
                    p = star;
                    t = eaten + 1;
                    retry = Some((star, eaten + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit() {
        let check =
            |pattern: &str, text: &str, expected: bool| assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        check("train", "train", true);
        check("train", "trainer", false);
        check("t*n", "train", true);
        check("*@seed=?", "train@seed=1", true);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b", "xxaxxbxx", false);
        check("", "", true);
        check("*", "", true);
        check("?", "", false);
    }
}
