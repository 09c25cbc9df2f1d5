/**
 * @param {Leftovers} left
 * @returns {string | undefined} undefined if nothing was left
 */
export function leftovers({ timers, calls, rejections }: Leftovers): string | undefined;
/**
 * What is said of a run that nothing will wake.
 * @param {string[]} calls where the calls that wait were made
 * @returns {string}
 */
export function stalled(calls: string[]): string;
export type Leftovers = {
    /**
     * where each was set
     */
    timers: string[];
    /**
     * where each was made
     */
    calls: string[];
    /**
     * what each says
     */
    rejections: string[];
};
