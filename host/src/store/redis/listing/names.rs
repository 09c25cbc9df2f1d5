//! Many names in one piece of memory: an index may have a million, and several are held at once.

use std::ops::Range;

/// A list of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where each of them stands.
    spans: Vec<Range<usize>>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.spans.push(start..self.text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// All of them, to be sorted or counted. They stay where they are.
    pub(super) fn borrowed(&self) -> Vec<&str> {
        self.within(0..self.len()).collect()
    }

    /// Those at these positions.
    pub(super) fn within(&self, positions: Range<usize>) -> impl DoubleEndedIterator<Item = &str> {
        self.spans[positions].iter().map(|span| &self.text[span.clone()])
    }

    /// The position of the first name that is not before some place; the names are in order.
    pub(super) fn partition_point(&self, is_before: impl Fn(&str) -> bool) -> usize {
        self.spans.partition_point(|span| is_before(&self.text[span.clone()]))
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name));
        all.text.shrink_to_fit();
        all.spans.shrink_to_fit();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_back_as_they_came() {
        for names in [&[][..], &[""], &["a", "", "앨리스", "b"]] {
            let all: Names = names.iter().copied().collect();
            assert_eq!((all.borrowed(), all.len()), (names.to_vec(), names.len()));
        }
        let all: Names = ["a", "bb", "c"].into_iter().collect();
        assert_eq!(all.within(1..3).rev().collect::<Vec<_>>(), ["c", "bb"]);
        assert_eq!(all.partition_point(|name| name < "c"), 2);
    }
}
