// What happens on the platform, as it happens: one stream of server-sent events for the view that is open.
//
// Read with fetch rather than EventSource, which tells nobody why a stream was refused. A stream that breaks off is asked
// for again with the id of the last event that came, so that nothing is lost and nothing comes twice.

import { problemOf } from "./api.js";
import { EventParser } from "./event-parser.js";

/** The server says something every 15 s. After this time without a word the connection is taken for dead. */
const SILENCE = 40_000;

/** The first wait before another try, and the longest. */
const [FIRST_WAIT, LONGEST_WAIT] = [500, 15_000];

/** A page that nobody looks at gives its connection up after this time: a browser has six for all its pages. */
const UNSEEN = 60_000;

/**
 * Follows the stream at `address()` until it is stopped.
 *
 * `on` holds what to do with the data of each kind of event. A `hello` that is not the first is told as a `reset`: what was
 * read before it may be out of date. `onState` is told `{state, until, problem}`: "connecting", "live", "waiting" (until
 * when), "ended" (all has been told: an event came whose name is among `last`), "refused" (with the problem).
 */
export class Live {
  #address;
  #on;
  #onState;
  #last;
  #lastId = "";
  #failures = 0;
  #isGreeted = false;
  #retry = FIRST_WAIT;
  #timer = 0;
  #aborter = null;
  #stopped = false;
  #unseen = 0;

  constructor(address, { on, onState, last = [] }) {
    this.#address = address;
    this.#last = last;
    this.#on = on;
    this.#onState = onState;
    document.addEventListener("visibilitychange", this.#seen);
    addEventListener("online", this.tryNow);
    this.#connect();
  }

  /** Ends it for good. */
  stop() {
    this.#stopped = true;
    document.removeEventListener("visibilitychange", this.#seen);
    removeEventListener("online", this.tryNow);
    clearTimeout(this.#timer);
    clearTimeout(this.#unseen);
    this.#aborter?.abort();
  }

  /** Does not wait any longer, if it is waiting. */
  tryNow = () => {
    if (this.#timer) this.#connect();
  };

  #seen = () => {
    clearTimeout(this.#unseen);
    if (!document.hidden) return this.tryNow();
    this.#unseen = setTimeout(() => {
      this.#aborter?.abort();
      this.#later(LONGEST_WAIT * 1000);
    }, UNSEEN);
  };

  async #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#onState({ state: "connecting" });
    const aborter = (this.#aborter = new AbortController());
    const headers = this.#lastId ? { "last-event-id": this.#lastId } : {};
    let over = false;
    try {
      const answer = await fetch(this.#address(), {
        headers: { accept: "text/event-stream", ...headers },
        credentials: "same-origin",
        cache: "no-store",
        signal: aborter.signal,
      });
      if (!answer.ok) {
        const problem = await problemOf(answer);
        if ([400, 401, 403, 404, 422].includes(problem.status)) return this.#refused(problem);
        throw problem;
      }
      this.#failures = 0;
      this.#onState({ state: "live" });
      over = await this.#read(answer.body, aborter);
    } catch {
      // Broken off, or never begun: another try follows, and the state says so until then.
    }
    if (this.#stopped || aborter !== this.#aborter || this.#timer) return;
    if (over) return this.#onState({ state: "ended" });
    this.#later(Math.min(LONGEST_WAIT, this.#retry * 2 ** this.#failures++) * (0.75 + Math.random() / 2));
  }

  #refused(problem) {
    if (!this.#stopped) this.#onState({ state: "refused", problem });
  }

  #later(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), Math.min(wait, 2 ** 31 - 1));
    this.#onState({ state: "waiting", until: Date.now() + wait });
  }

  #kindOf({ name }) {
    const kind = name === "hello" && this.#isGreeted ? "reset" : name;
    if (name === "hello") this.#isGreeted = true;
    return kind;
  }

  /** Reads a stream to its end. True if it has told all that there will ever be. */
  async #read(body, aborter) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    let silence = 0;
    try {
      for (;;) {
        clearTimeout(silence);
        silence = setTimeout(() => aborter.abort(), SILENCE);
        const { value, done } = await reader.read();
        if (done || this.#stopped) return false;
        for (const event of parser.parse(value)) {
          if (event.retry !== null) this.#retry = Math.min(Math.max(event.retry / 4, FIRST_WAIT), LONGEST_WAIT);
          if (event.id !== null) this.#lastId = event.id;
          if (event.data === null) continue;
          if (event.name === "bye") return false;
          // A handler that fails is a defect of this page: it is shown in the console, and what follows is still told.
          try {
            this.#on[this.#kindOf(event)]?.(JSON.parse(event.data));
          } catch (error) {
            console.error(error);
          }
          if (this.#last.includes(event.name)) return true;
        }
      }
    } finally {
      clearTimeout(silence);
      reader.cancel().catch(() => {});
    }
  }
}
