/**
 * The text without white space between its tokens, strings in their plain spelling and numbers as they were given.
 * @param {string} text
 * @returns {string}
 */
export function compactObject(text: string): string;
