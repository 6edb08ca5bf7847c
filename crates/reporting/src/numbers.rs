//! How numbers are written for the reader.

/// A share or score as a percentage with one decimal and no sign: `0.7286` is `72.9`.
pub(crate) fn percent(value: f64) -> String {
    if value.is_finite() { format!("{:.1}", value * 100.0) } else { "–".to_owned() }
}

/// A count with commas between thousands.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun in the right number: `1 request`, `2,000 requests`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// A size in bytes, in units of a thousand.
pub(crate) fn bytes(count: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut size = count as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", units[unit])
}

/// A part of a whole as a CSS or SVG percentage.
pub(crate) fn share(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.7286, 1.0, 0.0, f64::NAN].map(percent), ["72.9", "100.0", "0.0", "–"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2000].map(|count| counted(count, "request")), ["1 request", "2,000 requests"]);
        assert_eq!([0, 999, 1000, 999_950, 2_500_000_000].map(bytes), ["0 B", "999 B", "1.0 kB", "1.0 MB", "2.5 GB"]);
        assert_eq!([share(1.0, 3.0), share(5.0, 0.0), share(9.0, 3.0)], ["33.33%", "0.00%", "100.00%"]);
    }
}
