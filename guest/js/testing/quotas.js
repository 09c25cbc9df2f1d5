// How much a plugin may hand over. A call with more is refused, and the plugin goes on.

import { byteLength } from "./values.js";

/** A call that hands over more than may be. */
export class QuotaExceeded extends Error {}

const MIB = 2 ** 20;

/** In bytes. */
const [ENTRY, ENTRIES, RESULT, RECORD, NOTE] = [2 ** 18, 64 * MIB, MIB, MIB, 2 ** 10];

/** @typedef {{ podStatus?: string | null | undefined, launcherOutput?: string | null | undefined }} Result */

/** What a run has used of its quotas. */
export class Usage {
  constructor() {
    /** Bytes of all entries so far. */
    this.entries = 0;
  }

  /** @param {string[]} messages */
  admitEntries(messages) {
    let total = this.entries;
    for (const message of messages) {
      within(byteLength(message), ENTRY, "one log entry");
      total += byteLength(message);
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
    within(sum(jobs), RECORD, "the list of jobs");
  }

  /** @param {string} note */
  admitNote(note) {
    within(byteLength(note), NOTE, "the note of progress");
  }

  /** @param {import("../src/record.js").WireDraft} draft */
  admitDraft(draft) {
    this.admitResult(draft.result);
    const texts = [draft.taskId, draft.service, draft.userId, draft.parameters, draft.result.podStatus, draft.result.launcherOutput];
    within(sum([...texts, ...draft.activeJobs, ...draft.logs]), RECORD, "a task");
    this.admitEntries(draft.logs);
  }
}

/** @param {(string | null | undefined)[]} texts */
function sum(texts) {
  return texts.reduce((total, text) => total + byteLength(text ?? ""), 0);
}

/** @param {number} bytes @param {number} most @param {string} what */
function within(bytes, most, what) {
  if (bytes > most) throw new QuotaExceeded(`${bytes} bytes are more than the quota of ${inUnits(most)} for ${what}`);
}

/** @param {number} bytes */
function inUnits(bytes) {
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes / 1024} KiB`;
}
