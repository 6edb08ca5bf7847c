use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

/// A number from 0 to 1, both included.
pub(super) fn fraction<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked(from, "a number from 0 to 1", |value| (0.0..=1.0).contains(&value))
}

/// A number from 0 to below 1.
pub(super) fn below_one<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked(from, "a number from 0 to below 1", |value| (0.0..1.0).contains(&value))
}

/// A number above 0.
pub(crate) fn above_zero<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked(from, "a number above 0", |value| value > 0.0)
}

/// A number above 0 and at most 1.
pub(crate) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked(from, "a number above 0 and at most 1", |value| value > 0.0 && value <= 1.0)
}

/// A number of 0 or more, or null.
pub(crate) fn optional_zero_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    struct Checked(#[serde(deserialize_with = "zero_or_more")] f64);
    Ok(Option::<Checked>::deserialize(from)?.map(|checked| checked.0))
}

/// A number of 0 or more.
pub(crate) fn zero_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    checked(from, "a number of 0 or more", |value| value >= 0.0)
}

fn checked<'de, D: Deserializer<'de>>(
    from: D,
    expected: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<f64, D::Error> {
    let value = f64::deserialize(from)?;
    if holds(value) { Ok(value) } else { Err(D::Error::invalid_value(Unexpected::Float(value), &expected)) }
}

/// A whole number of 1 or more.
pub(crate) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(from)?;
    match value {
        0 => Err(D::Error::invalid_value(Unexpected::Unsigned(0), &"a whole number of 1 or more")),
        _ => Ok(value),
    }
}

/// [`count`], or null.
pub(crate) fn count_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match Option::<u32>::deserialize(from)? {
        Some(0) => Err(D::Error::invalid_value(Unexpected::Unsigned(0), &"a whole number of 1 or more")),
        value => Ok(value),
    }
}

/// Seconds from text such as `90s`, `30m`, `2h`, `1d`. A bare number has no unit and is refused.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    scaled(text, &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)])
}

/// Bytes from text such as `512M`, `2G`, `1T` (powers of 1024, as Slurm counts).
pub(crate) fn byte_count(text: &str) -> Option<u64> {
    scaled(text, &[("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)])
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_scale() {
        let cases = [("90", None), ("90s", Some(90)), ("2h", Some(7_200)), ("", None), ("2 h", None), ("h", None)];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
        }
        let cases = [("2G", Some(2 << 30)), ("512M", Some(512 << 20)), ("1", None), ("2GB", None), ("-1G", None)];
        for (text, expected) in cases {
            assert_eq!(byte_count(text), expected, "{text}");
        }
        assert_eq!(byte_count("99999999999T"), None);
    }
}
