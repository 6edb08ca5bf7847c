//! The templates that a template takes in: they decide its output as it does itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names in `{% include "name" %}`, `{% import … %}`, `{% from … %}` and `{% extends … %}`, of the file and of what it
/// takes in, with their paths; relative to the template's own folder. Only names written out are found, and only what is
/// found can be included when the template is rendered. A file that cannot be read is listed, and nothing behind it.
pub(crate) fn included(template: &Path) -> Vec<(String, PathBuf)> {
    let folder = template.parent().unwrap_or(Path::new(""));
    let mut found = BTreeSet::new();
    let mut open = vec![template.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for name in names(&String::from_utf8_lossy(&bytes)) {
            if found.insert(name.clone()) {
                open.push(folder.join(name));
            }
        }
    }
    found.into_iter().map(|name| (name.clone(), folder.join(name))).collect()
}

fn names(source: &str) -> Vec<String> {
    let tags = source.split("{%").skip(1).filter_map(|rest| rest.split_once("%}")).map(|(tag, _)| tag);
    tags.flat_map(|tag| {
        let tag = tag.trim_start_matches(['-', '+']).trim();
        let takes = ["include", "import", "from", "extends"].iter().find_map(|word| tag.strip_prefix(word));
        let list = takes.filter(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'));
        list.map(quoted).unwrap_or_default()
    })
    .collect()
}

/// Every text in quotation marks.
fn quoted(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some(start) = rest.find(['"', '\'']) {
        let (mark, inner) = rest[start..].split_at(1);
        let Some((name, after)) = inner.split_once(mark) else { break };
        found.push(name.to_owned());
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_taken_in() {
        let check = |source: &str, expected: &[&str]| assert_eq!(names(source), expected, "{source}");
        check("{% include 'rules.md' %} {%- include \"b.md\" -%}", &["rules.md", "b.md"]);
        check(
            "{% include ['a', \"b\"] ignore missing %}{% import 'm' as m %}{% from 'n' import x %}",
            &["a", "b", "m", "n"],
        );
        check("{% extends 'base' %}{% includes 'no' %}{% if x == 'y' %}", &["base"]);
    }
}
