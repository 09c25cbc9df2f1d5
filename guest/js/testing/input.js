// Standard input of a run.

export class Input {
  /** @param {string | Uint8Array} given */
  constructor(given) {
    this.bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
    this.at = 0;
  }

  /** @param {number} most @returns {Uint8Array | undefined} */
  read(most) {
    if (this.at >= this.bytes.length) return undefined;
    const piece = this.bytes.slice(this.at, this.at + most);
    this.at += piece.length;
    return piece;
  }
}
