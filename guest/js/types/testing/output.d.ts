/** The beginning of a failure that is longer than may be, with a mark. @param {string} text */
export function cutFailure(text: string): string;
export class Output {
    /** @param {string | Uint8Array} piece */
    write(piece: string | Uint8Array): void;
    /** All that was printed. */
    get text(): string;
    /** What the task's result has of it; undefined if nothing was printed. */
    get kept(): string | undefined;
    #private;
}
