// What is held back on the platform, as read last: shared by the banner above every view and the panel of the overview.

import { api } from "./api.js";

export class Pauses {
  #now = null;
  #watchers = new Set();

  /** `{all, services, users}`; nothing before it has been read, or if the reader may not. */
  now() {
    return this.#now;
  }

  /** Calls when it may have changed, until what this gives is called. */
  watch(work) {
    this.#watchers.add(work);
    return () => this.#watchers.delete(work);
  }

  async load() {
    try {
      this.#set(await api.pauses());
    } catch {
      // What was known stays: the view says what is wrong.
    }
  }

  forget() {
    this.#set(null);
  }

  #set(now) {
    this.#now = now;
    for (const work of this.#watchers) work();
  }
}
