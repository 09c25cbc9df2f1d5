/**
 * @param {unknown} value
 * @param {{ depth?: number }} [options] how deep objects are shown in one another; three levels, if absent
 * @returns {string}
 */
export function inspect(value: unknown, { depth }?: {
    depth?: number;
}): string;
/**
 * What `console` prints of its arguments: texts as they are, the first with its placeholders filled in.
 * @param {unknown[]} values
 * @returns {string}
 */
export function format(values: unknown[]): string;
/** What prints the stack of an error; the runtime sets it. @type {{ frames: (error: unknown) => string[] }} */
export const stacks: {
    frames: (error: unknown) => string[];
};
