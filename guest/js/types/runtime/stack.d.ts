/**
 * The frames of a stack, as V8 and QuickJS (`at name (place)`) or SpiderMonkey (`name@place`) spell them.
 * @param {string} stack
 * @returns {Frame[]}
 */
export function frames(stack: string): Frame[];
/**
 * The frames of an error in a component that are of the author's files.
 * @param {unknown} error
 * @returns {string[]} each as `name (file:line:column)`
 */
export function ownFrames(error: unknown): string[];
/** @param {Frame} frame */
export function spell({ name, file, line, column }: Frame): string;
/**
 * The numbers of a segment: base 64, five bits a digit, the lowest first, the sign in the first bit.
 * @param {string} segment
 * @returns {number[]}
 */
export function numbers(segment: string): number[];
/**
 * Where a frame of the bundle is in the files that it was made of.
 * @param {SourceMap} map
 * @param {Frame} frame
 * @returns {Frame | undefined}
 */
export function original(map: SourceMap, frame: Frame): Frame | undefined;
/** @typedef {{ sources: string[], mappings: string }} SourceMap */
/** @typedef {{ name: string, file: string, line: number, column: number }} Frame */
/** Where the build puts the map of the bundle. */
export const SOURCE_MAP: "__taskStateSourceMap";
/** The digits of a source map, each by its value. */
export const DIGITS: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
export type SourceMap = {
    sources: string[];
    mappings: string;
};
export type Frame = {
    name: string;
    file: string;
    line: number;
    column: number;
};
/**
 * One mapping: a column of the bundle and the place that it stands for.
 */
export type Mapping = {
    column: number;
    file: string;
    line: number;
    from: number;
};
