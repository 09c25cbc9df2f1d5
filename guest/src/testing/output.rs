//! What a host keeps of what a plugin prints.

/// Bytes of output that are kept: the last ones.
const KEPT_BYTES: usize = 64 << 10;

/// The task's `launcher_output`, if anything was printed: its end, with a mark where it was cut.
pub(super) fn kept(printed: &[u8]) -> Option<String> {
    let (cut, end) = printed.split_at(printed.len().saturating_sub(KEPT_BYTES));
    if cut.is_empty() {
        return (!end.is_empty()).then(|| String::from_utf8_lossy(end).into_owned());
    }
    // The rest of a character that was cut is dropped.
    let broken = end.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let mark = format!("[{} bytes of earlier output were cut]\n", cut.len() + broken);
    Some(mark + &String::from_utf8_lossy(&end[broken..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept_with_a_mark_and_no_part_of_a_character() {
        assert_eq!(kept(b""), None);
        assert_eq!(kept(b"a\xff").as_deref(), Some("a\u{fffd}"));
        let text = format!("é{}", "x".repeat(KEPT_BYTES - 1));
        let mark = format!("[2 bytes of earlier output were cut]\n{}", &text[2..]);
        assert_eq!(kept(text.as_bytes()), Some(mark));
    }
}
