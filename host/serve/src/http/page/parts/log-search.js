// Looks for a text in a whole log, block by block, and goes on with what is added to it.

import { BLOCK, wait } from "./log-model.js";

/** More lines than this are not remembered: nobody steps through them. */
const MOST = 10_000;

/** A search that says `onChange()` as it gets on. */
export class LogSearch {
  #model;
  #onChange;
  #run = 0;
  #wanted = "";
  #scanned = 0;
  /** The numbers of the lines that were found, in their order. */
  found = [];
  #numbers = new Set();
  isCut = false;
  isBusy = false;

  constructor(model, onChange) {
    this.#model = model;
    this.#onChange = onChange;
  }

  get isOn() {
    return this.#wanted !== "";
  }

  has(number) {
    return this.#numbers.has(number);
  }

  /** How much of the log was looked through, from 0 to 1, which is all of it. */
  get share() {
    return this.#model.total === 0 ? 1 : this.#scanned / this.#model.total;
  }

  /** Looks for a text from the start; for none if it is empty. Upper and lower case are the same. */
  look(wanted) {
    this.#run += 1;
    this.#wanted = wanted.toLowerCase();
    this.#scanned = 0;
    this.found = [];
    this.#numbers.clear();
    this.isCut = false;
    this.isBusy = false;
    this.#onChange();
    if (this.isOn) this.goOn();
  }

  /** Looks through what has been added. From number `from` on, if there is one, entries are others than they were. */
  async goOn(from = Infinity) {
    if (from < Infinity) this.#goBack(from);
    if (!this.isOn || this.isBusy || this.isCut) return;
    const run = this.#run;
    this.isBusy = true;
    try {
      while (this.#scanned < this.#model.total && !this.isCut) {
        const key = Math.floor(this.#scanned / BLOCK);
        const entries = await this.#model.block(key);
        if (run !== this.#run) return;
        const before = this.#scanned;
        this.#take(key * BLOCK, entries);
        this.#onChange();
        // The log is shorter than is known: the stream will tell.
        if (this.#scanned === before) await wait();
        if (run !== this.#run) return;
      }
    } catch (error) {
      // The platform is away, or the view has been left: it goes on with the next entry that comes.
      if (error.name !== "Problem" && error.name !== "AbortError") throw error;
    }
    if (run === this.#run) {
      this.isBusy = false;
      this.#onChange();
    }
  }

  /** Forgets what it knows from a number on, and what it is reading. */
  #goBack(from) {
    this.#run += 1;
    this.#scanned = Math.min(this.#scanned, from);
    this.found = this.found.filter((number) => number < from);
    this.#numbers = new Set(this.found);
    this.isCut = this.found.length >= MOST;
    this.isBusy = false;
    this.#onChange();
  }

  #take(start, entries) {
    for (let offset = this.#scanned - start; offset < entries.length; offset++) {
      if (entries[offset].message.toLowerCase().includes(this.#wanted)) {
        this.found.push(start + offset);
        this.#numbers.add(start + offset);
      }
    }
    this.#scanned = Math.max(this.#scanned, start + entries.length);
    this.isCut = this.found.length >= MOST;
  }
}
