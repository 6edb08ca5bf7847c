//! Figures of others, read from a table of tab-separated values.

use crate::{Published, ReportingError};

const COLUMNS: [&str; 6] = ["dataset", "system", "label", "metric", "value", "source"];

/// Reads published figures: a line of names (dataset, system, label, metric, value, source), then a line for each figure,
/// in per cent as papers print them; a correlation (`mcc`) as a coefficient. Empty lines and those that start with `#` are
/// left out. `name` is the file's, for errors.
///
/// Errors: [`ReportingError::Published`] with the first line that does not fit.
pub fn read_published(name: &str, text: &str) -> Result<Vec<Published>, ReportingError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')));
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let fault = |line: usize, what: String| ReportingError::Published { file: name.to_owned(), line, what };
    let Some((number, header)) = lines.next() else { return Ok(Vec::new()) };
    if header.split('\t').ne(COLUMNS) {
        return Err(fault(number, format!("the columns must be {}, with tabs between them", COLUMNS.join(", "))));
    }
    lines.map(|(number, line)| figure(line).map_err(|what| fault(number, what))).collect()
}

fn figure(line: &str) -> Result<Published, String> {
    let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [dataset, system, label, metric, value, source] = cells[..] else {
        return Err(format!("{} columns where there must be {}", cells.len(), COLUMNS.len()));
    };
    let number: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    let value = if metric == "mcc" { number } else { number / 100.0 };
    if !(-1.0..=1.0).contains(&value) {
        return Err(format!("`{number}` is no figure in per cent"));
    }
    let [dataset, system, label, metric, source] = [dataset, system, label, metric, source].map(str::to_owned);
    Ok(Published { dataset, system, label, metric, value, source })
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const HEADER: &str = "dataset\tsystem\tlabel\tmetric\tvalue\tsource\n";

    #[test]
    fn figures_are_read_in_per_cent() -> Result<(), Box<dyn Error>> {
        let text = format!(
            "# as printed\n{HEADER}\nGAD\tOthers\tmicro avg\tf1\t62.5\ta paper\r\nGAD\tOthers\tall\tmcc\t-0.2\ta paper\n"
        );
        let found = read_published("x.tsv", &text)?;
        let figures: Vec<_> = found.iter().map(|row| (row.metric.as_str(), row.value, row.source.as_str())).collect();
        assert_eq!(figures, [("f1", 0.625, "a paper"), ("mcc", -0.2, "a paper")]);
        assert_eq!(read_published("x.tsv", "")?, []);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_line() {
        let check = |text: &str, expected: &str| {
            let error = read_published("x.tsv", text).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(expected));
        };
        check(
            "data\tvalue\n",
            "line 1 of `x.tsv`: the columns must be dataset, system, label, metric, value, source, with tabs between them",
        );
        check(&format!("{HEADER}a\tb\n"), "line 2 of `x.tsv`: 2 columns where there must be 6");
        check(&format!("{HEADER}a\tb\tc\tf1\thigh\ts\n"), "line 2 of `x.tsv`: `high` is no number");
        check(&format!("{HEADER}a\tb\tc\tmcc\t61.2\ts\n"), "line 2 of `x.tsv`: `61.2` is no figure in per cent");
    }
}
