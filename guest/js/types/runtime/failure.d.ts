/**
 * A `Failure` is told by its text and that of its causes, any other error by its name, text and stack, then its causes,
 * and what is no error as it is printed.
 * @param {unknown} thrown
 * @param {OwnFrames} ownFrames
 * @returns {string}
 */
export function describe(thrown: unknown, ownFrames: OwnFrames): string;
/**
 * The name and the message of an error.
 * @param {Error} error
 */
export function headline(error: Error): string;
/**
 * what names the frames of an error that are the author's
 */
export type OwnFrames = (error: unknown) => string[];
