export class Input {
    /** @param {string | Uint8Array} given */
    constructor(given: string | Uint8Array);
    bytes: Uint8Array<ArrayBufferLike>;
    at: number;
    /** @param {number} most @returns {Uint8Array | undefined} */
    read(most: number): Uint8Array | undefined;
}
