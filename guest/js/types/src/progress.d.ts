/**
 * @template T
 * @typedef {object} ProgressOptions
 * @property {number | undefined} [total] how many items there are; the `length` or `size` of what is walked over, if absent
 * @property {string | ((item: T) => string) | undefined} [note] a few words on what is done now, the same throughout or of
 *   each item
 */
/**
 * The same items, where the task's progress is told as they are taken: before the first, at most ten times a second after
 * that, and after the last. An item counts as done when the next one is asked for. A refusal ends no loop. For `for … of`, and
 * for `for await … of` where the items come asynchronously.
 *
 * ```js
 * for (const row of progress(rows, { note: "importing" })) importRow(row);
 * for await (const page of progress(pages(), { total: 12 })) importPage(page);
 * ```
 * @template T
 * @param {Iterable<T> | AsyncIterable<T>} items
 * @param {ProgressOptions<T>} [options]
 * @returns {Iterable<T> & AsyncIterable<T>}
 */
export function progress<T>(items: Iterable<T> | AsyncIterable<T>, options?: ProgressOptions<T>): Iterable<T> & AsyncIterable<T>;
export type ProgressOptions<T> = {
    /**
     * how many items there are; the `length` or `size` of what is walked over, if absent
     */
    total?: number | undefined;
    /**
     * a few words on what is done now, the same throughout or of
     * each item
     */
    note?: string | ((item: T) => string) | undefined;
};
