// A plugin that profiles a CSV file: what each column holds, in one pass and in bounded memory.
//
// It reads the task's standard input, which starts with a row of column names, tells how many rows it has come, and prints
// the profile, which the host keeps as the task's output. Parameters:
//
// | name | value | default |
// |---|---|---|
// | `format` | `table` or `json` | `table` |
// | `log_every` | rows between two entries in the task's log that say where it is, at least 1 | 100000 |
//
// A task that is asked to stop ends without a profile. Input that is no well-formed CSV fails the task with the number of
// the line: a row with more or fewer fields than there are columns, text that is not UTF-8, a quote that is never closed.
//
// The modules beside this one do the reading (`rows`), the statistics (`profile`) and the printing (`report`), and know
// nothing of tasks.

import { currentTask, input, parameter, type TaskRecord } from "task-state";

import { Profile } from "./profile.js";
import { readFormat, report } from "./report.js";
import { Rows } from "./rows.js";

/** Rows between two entries: about a second of work of a fast language. */
const LOG_EVERY = 100_000n;

/** How many bytes of input may pass before the plugin tells its progress and looks whether it should stop. */
const CHECK_EVERY = 2 ** 20;

export function run(task: TaskRecord): void {
  const format = parameter(task, "format", readFormat) ?? "table";
  const logEvery = parameter(task, "log_every", readCount) ?? LOG_EVERY;

  const rows = new Rows(input.chunks());
  currentTask.log(`profiling ${rows.names.length} columns`);
  const profile = read(rows, logEvery);
  if (profile === undefined) {
    currentTask.log(`stopped at line ${rows.line}, as was asked`);
    return;
  }
  console.log(report(profile, format));
  currentTask.log(`profiled ${profile.rows} rows`);
}

/** Profiles all rows; undefined if someone has asked for the task to stop. */
function read(rows: Rows, logEvery: bigint): Profile | undefined {
  const profile = new Profile(rows.names);
  let nextCheck = CHECK_EVERY;
  let untilEntry = logEvery;
  for (let row = rows.next(); row !== undefined; row = rows.next()) {
    profile.add(row);
    let stop = false;
    untilEntry -= 1n;
    if (untilEntry === 0n) {
      untilEntry = logEvery;
      stop = currentTask.log(`${profile.rows} rows, line ${rows.line}`) === "cancel-requested";
    }
    if (rows.bytes >= nextCheck) {
      nextCheck = rows.bytes + CHECK_EVERY;
      tellProgress(profile);
      stop ||= currentTask.cancelRequested();
    }
    if (stop) return undefined;
  }
  tellProgress(profile);
  return profile;
}

/** How many rows there will be is not known before the end of the input. */
function tellProgress(profile: Profile): void {
  currentTask.setProgress(profile.rows, undefined, "rows");
}

/** A number of rows, in the words of the other examples where it is none. */
function readCount(text: string): bigint {
  if (text === "") throw new Error("cannot parse integer from empty string");
  if (!/^\+?[0-9]+$/.test(text)) throw new Error("invalid digit found in string");
  const count = BigInt(text.replace("+", ""));
  if (count === 0n) throw new Error("number would be zero for non-zero type");
  if (count >= 2n ** 64n) throw new Error("number too large to fit in target type");
  return count;
}
