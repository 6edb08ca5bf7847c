//! The digest of the footer, which the footer itself holds: BLAKE3 over everything after the row groups, with the
//! digest's own characters as zeros. With the content digest it covers every byte of the file.

use clinsynth_contract::Digest;

/// The footer's entry.
pub(crate) const FOOTER_DIGEST: &str = "clinsynth.footer_digest";
/// Characters of a digest.
const LENGTH: usize = 64;
/// What parts key and value of a footer entry in Thrift's compact protocol: a field header and the value's length.
const GAP: usize = 2;

/// The digest before it is known.
pub(crate) fn blank() -> Digest {
    Digest::from_hex("0".repeat(LENGTH))
}

/// Blanks the digest in the bytes after the row groups, and says where it stands and what it should be; nothing when
/// they have no such entry.
pub(crate) fn compute(tail: &mut [u8]) -> Option<(usize, Digest)> {
    let key = FOOTER_DIGEST.as_bytes();
    let start = tail.windows(key.len()).rposition(|window| window == key)? + key.len() + GAP;
    tail.get_mut(start..start + LENGTH)?.fill(b'0');
    Some((start, Digest::of(tail)))
}
