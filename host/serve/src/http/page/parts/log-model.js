// The entries of a log as far as they are needed: blocks of them, fetched when they are looked at, the oldest let go. So
// memory stays what it is however long the log is, and however long it is watched.

export const BLOCK = 500;

/** How many blocks are kept. */
const MOST_BLOCKS = 40;

/** Knows how many entries there are, and some of them. Says `onChange()` when either changes. */
export class LogModel {
  #read;
  #onChange;
  #blocks = new Map();
  #asked = new Map();
  #total = 0;

  /** `read(start, limit)` gives `{start, total, entries}` from the platform. */
  constructor(read, onChange) {
    this.#read = read;
    this.#onChange = onChange;
  }

  get total() {
    return this.#total;
  }

  /** Forgets all: what was shown may not be what is there. */
  reset() {
    this.#blocks.clear();
    this.#asked.clear();
    this.#total = 0;
    this.#onChange();
  }

  /** Takes entries that came by themselves, the first of which is number `start`. */
  put(start, entries, total = start + entries.length) {
    entries.forEach((entry, offset) => this.#set(start + offset, entry));
    this.#total = Math.max(this.#total, total);
    this.#letGo();
    this.#onChange();
  }

  #set(number, entry) {
    const key = Math.floor(number / BLOCK);
    let block = this.#blocks.get(key);
    if (!block) {
      block = new Array(BLOCK).fill(null);
      this.#blocks.set(key, block);
    }
    block[number % BLOCK] = entry;
  }

  /** The entry of a number; null if it is not here, and then it is asked for. */
  at(number) {
    const key = Math.floor(number / BLOCK);
    const block = this.#blocks.get(key);
    const entry = block?.[number % BLOCK] ?? null;
    if (entry) {
      // The last one looked at is the last one let go.
      this.#blocks.delete(key);
      this.#blocks.set(key, block);
    } else if (number < this.#total) {
      this.#ask(key).catch(() => {});
    }
    return entry;
  }

  /** All entries of a block, once they are here. Those of a search are not kept. */
  async block(key) {
    const known = this.#blocks.get(key);
    const wanted = Math.min(BLOCK, this.#total - key * BLOCK);
    if (known && known.slice(0, wanted).every((entry) => entry)) return known.slice(0, wanted);
    return (await this.#read(key * BLOCK, BLOCK)).entries;
  }

  #ask(key) {
    let asked = this.#asked.get(key);
    if (!asked) {
      const blocks = this.#blocks;
      asked = this.#read(key * BLOCK, BLOCK)
        .then((page) => blocks === this.#blocks && this.put(page.start, page.entries, page.total))
        // After a failure it waits a little before it is asked for again.
        .catch(() => new Promise((resolve) => setTimeout(resolve, 1000)))
        .finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return asked;
  }

  #letGo() {
    for (const key of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(key);
    }
  }
}
