//! The order of a listing: a total order, in which what Python's `int()` reads comes first, by value.

use std::cmp::Ordering;

use task_state_host::record::compare_ids;

/// The longest id that is looked at, in bytes: beyond it there is nothing new, only slowness.
const MAX_ID_BYTES: usize = 256;

/// How many ids are compared with one another.
const MAX_IDS: usize = 12;

/// Orders the lines of the text.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut ids: Vec<&str> = text.split('\n').filter(|id| id.len() <= MAX_ID_BYTES).take(MAX_IDS).collect();
    for a in &ids {
        for b in &ids {
            assert_eq!(compare_ids(a, b), compare_ids(b, a).reverse(), "{a:?} {b:?}");
            assert_eq!(compare_ids(a, b) == Ordering::Equal, a == b, "{a:?} {b:?}");
            if let (Some(a_value), Some(b_value)) = (int(a), int(b)) {
                assert_eq!(compare_ids(a, b), a_value.cmp(&b_value).then_with(|| a.cmp(b)), "{a:?} {b:?}");
            }
        }
    }
    ids.sort_by(|a, b| compare_ids(a, b));
    // In a total order, whatever stands before stands before all that follows.
    for (at, a) in ids.iter().enumerate() {
        assert!(ids[at..].iter().all(|b| compare_ids(a, b) != Ordering::Greater), "{ids:?}");
    }
}

/// Where an id stands, by value and then among what is no integer. None for one with characters beyond ASCII, whose
/// digits Python knows better, and for numbers that are too long for this simple reading.
fn int(id: &str) -> Option<(bool, i128)> {
    let text = id.trim_matches(|c: char| matches!(c, '\t'..='\r' | ' '));
    if !text.is_ascii() || text.len() > 38 {
        return None;
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_integer = digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !is_integer {
        return Some((true, 0));
    }
    Some((false, text.replace('_', "").parse().unwrap()))
}
