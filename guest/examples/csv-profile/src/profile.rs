//! What is known of a whole file.

use csv::StringRecord;

use crate::column::Column;

/// The most different values that are counted in a column.
const MAX_DISTINCT: usize = 10_000;

/// The most that are remembered in all columns together, each in about 20 bytes. Many columns have a smaller share each.
const MAX_DISTINCT_IN_ALL: usize = 1_000_000;

/// The statistics of every column, and the number of rows.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: u64,
}

impl Profile {
    /// A profile of no rows.
    pub(crate) fn new(names: &[String]) -> Self {
        let most_distinct = MAX_DISTINCT.min(MAX_DISTINCT_IN_ALL / names.len().max(1));
        Self { columns: names.iter().map(|name| Column::new(name, most_distinct)).collect(), rows: 0 }
    }

    /// Takes one more row, which has a value for each column.
    pub(crate) fn add(&mut self, row: &StringRecord) {
        self.rows += 1;
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.add(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("c{index}")).collect()
    }

    #[test]
    fn every_value_goes_to_its_column() {
        let mut profile = Profile::new(&names(3));
        profile.add(&StringRecord::from(vec!["1", "x", ""]));
        profile.add(&StringRecord::from(vec!["2", "", ""]));
        let counts: Vec<_> = profile.columns.iter().map(|column| (column.count, column.empty)).collect();
        assert_eq!((profile.rows, counts), (2, vec![(2, 0), (1, 1), (0, 2)]));
    }

    #[test]
    fn many_columns_share_what_is_remembered() {
        for (columns, bound) in [(1, MAX_DISTINCT), (100, MAX_DISTINCT), (1_000, 1_000)] {
            assert_eq!(Profile::new(&names(columns)).columns[0].distinct.bound, bound, "{columns} columns");
        }
    }
}
