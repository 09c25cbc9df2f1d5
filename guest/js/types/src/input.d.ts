/**
 * The input in pieces as they come, of at most 64 KiB each: for input that is larger than the memory.
 * @returns {Generator<Uint8Array, void, undefined>}
 */
export function chunks(): Generator<Uint8Array, void, undefined>;
/**
 * The rest of the input as bytes.
 * @returns {Uint8Array}
 */
export function bytes(): Uint8Array;
/**
 * The rest of the input as text. U+FFFD stands for what is not UTF-8; a byte order mark at the start is left out.
 * @returns {string}
 */
export function text(): string;
/**
 * The lines of the rest of the input as they come, without what ends them: a line feed, or a carriage return and a line
 * feed. The last line needs no end. Text is read as by `text`.
 *
 * ```js
 * for (const line of input.lines()) currentTask.log(line);
 * ```
 * @returns {Generator<string, void, undefined>}
 */
export function lines(): Generator<string, void, undefined>;
