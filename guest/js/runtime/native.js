// What the engine itself brings, before anything of it is replaced. The first module of every component.

/** @type {any} */
const global = globalThis;

/** @type {PromiseConstructor} */
export const NativePromise = global.Promise;
/** @type {((call: () => void, ms: number) => unknown) | undefined} */
export const nativeSetTimeout = global.setTimeout?.bind(global);
/** @type {((id: unknown) => void) | undefined} */
export const nativeClearTimeout = global.clearTimeout?.bind(global);
/** @type {() => number} */
export const nativeRandom = Math.random;
