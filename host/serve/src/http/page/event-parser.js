// Takes a stream of server-sent events apart. Knows neither where it comes from nor what is done with it.

/** Gives the events of a stream, in whatever pieces it comes. */
export class EventParser {
  #rest = "";
  #name = "message";
  #data = [];
  #id = null;
  #retry = null;

  /** The events that are whole with this piece: `{name, data, id, retry}`, each null if it was not said. */
  parse(piece) {
    const events = [];
    const text = this.#rest + piece;
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
      start = end + 1;
      if (line === "") this.#finish(events);
      else this.#take(line);
    }
    this.#rest = text.slice(start);
    return events;
  }

  #take(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "event") this.#name = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.#retry = Number(value);
  }

  #finish(events) {
    const data = this.#data.length > 0 ? this.#data.join("\n") : null;
    if (data !== null || this.#id !== null || this.#retry !== null) {
      events.push({ name: this.#name, data, id: this.#id, retry: this.#retry });
    }
    [this.#name, this.#data, this.#id, this.#retry] = ["message", [], null, null];
  }
}
