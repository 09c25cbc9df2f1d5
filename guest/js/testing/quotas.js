// How much a plugin may hand over. A call with more is refused, and the plugin goes on.

import { byteLength } from "./values.js";

/** A call that hands over more than may be. */
export class QuotaExceeded extends Error {}

const MIB = 2 ** 20;

/** In bytes. */
const [ENTRY, ENTRIES, RESULT, RECORD, NOTE] = [2 ** 18, 64 * MIB, MIB, MIB, 2 ** 10];

/** The most log entries of one call. */
const CALL_ENTRIES = 10_000;

/** What a log entry takes in the store besides its message, and a text in a list besides its own bytes. */
const [STAMP, QUOTES] = [36, 3];

/** @typedef {{ podStatus?: string | null | undefined, launcherOutput?: string | null | undefined }} Result */

/** What a run has used of its quotas. */
export class Usage {
  constructor() {
    /** Bytes of all entries so far. */
    this.entries = 0;
  }

  /** @param {string[]} texts @param {number} [beside] what each takes besides */
  admitEntries(texts, beside = STAMP) {
    if (texts.length > CALL_ENTRIES) {
      throw new QuotaExceeded(`${texts.length} log entries are more than the quota of ${CALL_ENTRIES} for one call`);
    }
    let total = this.entries;
    for (const text of texts) {
      within(byteLength(text), ENTRY, "one log entry");
      total += byteLength(text) + beside;
    }
    within(total, ENTRIES, "all log entries of a run");
    this.entries = total;
  }

  /** @param {Result} result */
  admitResult({ podStatus, launcherOutput }) {
    for (const field of [podStatus, launcherOutput]) within(byteLength(field ?? ""), RESULT, "one field of a result");
  }

  /** @param {string[]} jobs */
  admitJobs(jobs) {
    within(listed(jobs), RECORD, "the list of jobs");
  }

  /** @param {string} note */
  admitNote(note) {
    within(byteLength(note), NOTE, "the note of a progress");
  }

  /** @param {import("../src/record.js").WireDraft} draft */
  admitDraft(draft) {
    this.admitResult(draft.result);
    const texts = [draft.taskId, draft.service, draft.userId, draft.parameters, draft.result.podStatus, draft.result.launcherOutput];
    within(sum(texts) + listed([...draft.activeJobs, ...draft.logs]), RECORD, "a task");
    this.admitEntries(draft.logs, QUOTES);
  }
}

/** @param {(string | null | undefined)[]} texts */
function sum(texts) {
  return texts.reduce((total, text) => total + byteLength(text ?? ""), 0);
}

/** @param {string[]} texts */
function listed(texts) {
  return sum(texts) + QUOTES * texts.length;
}

/** @param {number} bytes @param {number} most @param {string} what */
function within(bytes, most, what) {
  if (bytes > most) throw new QuotaExceeded(`${bytes} bytes are more than the quota of ${inUnits(most)} for ${what}`);
}

/** @param {number} bytes */
function inUnits(bytes) {
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes / 1024} KiB`;
}
