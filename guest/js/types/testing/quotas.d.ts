/** A call that hands over more than may be. */
export class QuotaExceeded extends Error {
}
/** @typedef {{ podStatus?: string | null | undefined, launcherOutput?: string | null | undefined }} Result */
/** What a run has used of its quotas. */
export class Usage {
    /** Bytes of all entries so far. */
    entries: number;
    /** @param {string[]} texts @param {number} [beside] what each takes besides */
    admitEntries(texts: string[], beside?: number): void;
    /** @param {Result} result */
    admitResult({ podStatus, launcherOutput }: Result): void;
    /** @param {string[]} jobs */
    admitJobs(jobs: string[]): void;
    /** @param {string} note */
    admitNote(note: string): void;
    /** @param {import("../src/record.js").WireDraft} draft */
    admitDraft(draft: import("../src/record.js").WireDraft): void;
}
export type Result = {
    podStatus?: string | null | undefined;
    launcherOutput?: string | null | undefined;
};
