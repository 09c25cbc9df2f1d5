// The entries of a log as far as they are needed: blocks of them, fetched when they are looked at, the oldest let go. So
// memory stays what it is however long the log is, and however long it is watched.

export const BLOCK = 500;

/** How many blocks are kept. */
const MOST_BLOCKS = 40;

/** How long to wait after an answer that failed, or brought nothing that was missing. */
const WAIT = 1000;

/**
 * Knows how many entries there are, and some of them. Says `onChange(from)` when either changes; `from` is the number from
 * which on entries are others than they were, and nothing if they only became more.
 *
 * How long the log is, and what has become of it, the stream tells. Pages that are read fill in what is not here, and
 * change nothing else.
 */
export class LogModel {
  #read;
  #onChange;
  #blocks = new Map();
  #asked = new Set();
  #total = 0;

  /** `read(start, limit)` gives `{start, total, entries}` from the platform: fewer entries than `limit` if they are long. */
  constructor(read, onChange) {
    this.#read = read;
    this.#onChange = onChange;
  }

  get total() {
    return this.#total;
  }

  /** Begins with a page that was read before the stream goes on with what follows. */
  begin({ start, total, entries }) {
    this.#total = total;
    this.#fill(start, entries);
    this.#onChange();
  }

  /** Takes entries that the stream tells, the first of which is number `start`: they take the place of all from there on. */
  put(start, entries) {
    const isCut = start < this.#total;
    if (isCut) this.#cut(start);
    this.#total = start + entries.length;
    this.#fill(start, entries);
    this.#onChange(isCut ? start : undefined);
  }

  /** Forgets entries from a number on. What is on its way is left out as well: it may be of what was there before. */
  #cut(from) {
    const kept = [...this.#blocks].filter(([key]) => key * BLOCK < from);
    for (const [key, block] of kept) block.fill(null, Math.min(BLOCK, from - key * BLOCK));
    this.#blocks = new Map(kept);
    this.#asked = new Set();
  }

  #fill(start, entries) {
    entries.slice(0, Math.max(0, this.#total - start)).forEach((entry, offset) => this.#set(start + offset, entry));
    this.#letGo();
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
      this.#ask(key);
    }
    return entry;
  }

  /**
   * The entries of a block, from its first one to the last that could be had: all of them, but where the log is shorter
   * than is known yet. Those of a search are not kept.
   */
  async block(key) {
    const start = key * BLOCK;
    const entries = (this.#blocks.get(key) ?? new Array(BLOCK).fill(null)).slice(0, Math.max(0, this.#total - start));
    for (;;) {
      const missing = entries.indexOf(null);
      if (missing < 0) return entries;
      const page = await this.#read(start + missing, entries.length - missing);
      page.entries.forEach((entry, offset) => (entries[page.start - start + offset] = entry));
      if (!entries[missing]) return entries.slice(0, missing);
    }
  }

  async #ask(key) {
    const asked = this.#asked;
    if (asked.has(key)) return;
    asked.add(key);
    let isAway = false;
    try {
      await this.#readBlock(key);
    } catch (problem) {
      // Or the task is no more, or the view has been left: then there is nothing to be had.
      isAway = problem.status === 0 || problem.status >= 500;
      await wait();
    }
    asked.delete(key);
    // Whoever still looks at it asks again.
    if (isAway) this.#onChange();
  }

  /** Reads what is missing of a block, in as many pages as that takes. */
  async #readBlock(key) {
    const blocks = this.#blocks;
    for (;;) {
      const missing = this.#missing(key);
      if (missing === null) return;
      const page = await this.#read(missing, BLOCK - (missing % BLOCK));
      if (blocks !== this.#blocks) return;
      this.#fill(page.start, page.entries);
      // The log is shorter than is known: the stream will tell.
      if (this.#missing(key) === missing) return wait();
      this.#onChange();
    }
  }

  /** The number of the first entry of a block that is not here. */
  #missing(key) {
    const size = Math.min(BLOCK, this.#total - key * BLOCK);
    const offset = this.#blocks.get(key)?.indexOf(null) ?? 0;
    return offset >= 0 && offset < size ? key * BLOCK + offset : null;
  }

  #letGo() {
    for (const key of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(key);
    }
  }
}

/** Waits a little before something is asked for again. */
export const wait = () => new Promise((resolve) => setTimeout(resolve, WAIT));
