// What is known of a whole file.

import { Column } from "./column.js";

/** The most different values that are counted in a column. */
const MAX_DISTINCT = 10_000;

/** The most that are remembered in all columns together. Many columns have a smaller share each. */
const MAX_DISTINCT_IN_ALL = 1_000_000;

/** The statistics of every column, and the number of rows. */
export class Profile {
  readonly columns: Column[];
  rows = 0;

  constructor(names: string[]) {
    const share = Math.floor(MAX_DISTINCT_IN_ALL / Math.max(names.length, 1));
    this.columns = names.map((name) => new Column(name, Math.min(MAX_DISTINCT, share)));
  }

  /** Takes one more row, which has a value for each column. */
  add(row: string[]): void {
    this.rows += 1;
    for (let at = 0; at < this.columns.length; at += 1) this.columns[at]!.add(row[at]!);
  }
}
