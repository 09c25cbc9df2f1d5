// What esbuild gets wrong where it lowers async generators. It treats the `yield*` of a plain generator as that of an async one,
// and it does not let `return` wait for its value, so that no `try` around it sees a rejection. Both can be told from its text:
// not the text of any program, but that of its printer, which ends every statement and puts its blanks always alike.

import { AWAIT } from "../runtime/async-generators.js";

/** @typedef {import("./edits.js").Edit} Edit */

/**
 * What a bracket that is open belongs to: the body of a function, the head of a statement such as `if (…)`, a `${…}` of a
 * template, or anything else.
 * @typedef {"async generator" | "function" | "statement" | "template" | "other"} Kind
 */

const TOKEN =
  /\s+|\/\/.*|\/\*[^]*?\*\/|"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*|\.?\d[\w.]*|=>|\+\+|--|[^]/uy;
const REGULAR_EXPRESSION = /\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
/** The text of a template, up to its end or to an expression in it. */
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{)/y;

/** What may stand before a `(` whose `{` begins a block: always with a blank, which a method of that name has not. */
const STATEMENT = /^(?:if|for|while|switch|catch|with)$/;
/** What stands before the function that an async generator has become. */
const ASYNC_GENERATOR = /\b__asyncGenerator\((?:this|\w+), (?:null|\w+), function\* $/;
/** The end of an operand: a `/` after it divides. */
const OPERAND = /^(?!(?:return|typeof|case|do|else|in|instanceof|new|void|delete|throw|yield|await|extends|default)$)(?:[\p{ID_Continue}$#"'`)\]}]|\.\d)|^(?:\+\+|--)$/u;
/** A `return` of a value, and not a member of that name. */
const RETURN = /return (?!=)/y;

/**
 * What is to be replaced in a bundle, in order.
 * @param {string} text as esbuild has written it
 * @returns {Edit[]}
 */
export function generatorEdits(text) {
  return new Reader(text).read();
}

class Reader {
  #at = 0;
  /** The last two tokens that are no blanks or comments, the last one last. @type {[string, string]} */
  #before = ["", ""];
  /** Where that ends. */
  #end = 0;
  /** @type {Kind[]} */
  #open = [];
  /** What the last `)` closed. @type {Kind} */
  #closed = "other";
  /** The values of `return` that have begun, each with the brackets that were open there. @type {{ at: number, depth: number }[]} */
  #returns = [];
  /** @type {Edit[]} */
  #edits = [];
  #text;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  read() {
    while (this.#at < this.#text.length) this.#step();
    if (this.#open.length > 0) throw new Error("the brackets in what esbuild has written cannot be told apart");
    return this.#edits.sort((a, b) => a.at - b.at);
  }

  #step() {
    const from = this.#at;
    const token = this.#next();
    if (/^(?:\s|\/[/*])/.test(token)) return;
    if (token === "(" || token === "[") this.#open.push(token === "(" ? this.#head(from) : "other");
    else if (token === "{") this.#open.push(this.#block());
    else if (token === ")") this.#closed = this.#open.pop() ?? "other";
    else if (token === "]" || token === "}") this.#open.pop();
    else if (token === ";") this.#endStatement(from);
    else if (token === "return") this.#beginReturn(from);
    else if (token === "__yieldStar" && this.#before.join("") === "yield*" && this.#owner() !== "async generator") {
      this.#edits.push({ at: from, end: this.#at, text: "" });
    }
    this.#before = [this.#before[1], token];
    this.#end = this.#at;
  }

  /** The next token, which is then behind. */
  #next() {
    const character = this.#text[this.#at];
    if (character === "`") return this.#template(this.#at + 1);
    if (character === "}" && this.#open.at(-1) === "template") {
      this.#open.pop();
      return this.#template(this.#at + 1);
    }
    return this.#take(character === "/" && this.#isExpression() ? REGULAR_EXPRESSION : TOKEN, this.#at);
  }

  /** @param {RegExp} pattern @param {number} from */
  #take(pattern, from) {
    pattern.lastIndex = from;
    const token = pattern.exec(this.#text)?.[0];
    if (token === undefined) throw new Error(`what esbuild has written cannot be read: ${this.#text.slice(this.#at, this.#at + 40)}`);
    this.#at = from + token.length;
    return token;
  }

  /** @param {number} from */
  #template(from) {
    if (this.#take(TEMPLATE, from).endsWith("`")) return "`";
    this.#open.push("template");
    // As little an operand as what it stands for.
    return ",";
  }

  /** Whether a `/` here begins a regular expression. */
  #isExpression() {
    const next = this.#text[this.#at + 1];
    if (next === "/" || next === "*") return false;
    const [member, last] = this.#before;
    if (last === ")" && this.#closed === "statement") return true;
    if (last === "of" && this.#open.at(-1) === "statement" && OPERAND.test(member)) return true;
    // An operator stands between blanks, and on the line of its operand.
    if (this.#text[this.#at - 1] !== " " || this.#text.slice(this.#end, this.#at).includes("\n")) return true;
    return member !== "." && !OPERAND.test(last);
  }

  /** What a `(` belongs to. @param {number} at @returns {Kind} */
  #head(at) {
    const [, last] = this.#before;
    if (STATEMENT.test(last) && this.#text[at - 1] === " ") return "statement";
    return last === "*" && ASYNC_GENERATOR.test(this.#text.slice(Math.max(0, at - 200), at)) ? "async generator" : "other";
  }

  /** What a `{` belongs to. @returns {Kind} */
  #block() {
    const [, last] = this.#before;
    if (last === "=>") return "function";
    if (last !== ")" || this.#closed === "statement") return "other";
    return this.#closed === "async generator" ? "async generator" : "function";
  }

  /** The function that a statement here is of. */
  #owner() {
    return this.#open.findLast((kind) => kind === "async generator" || kind === "function");
  }

  /** @param {number} from */
  #beginReturn(from) {
    RETURN.lastIndex = from;
    if (this.#before[1] === "." || !RETURN.test(this.#text) || this.#owner() !== "async generator") return;
    this.#returns.push({ at: RETURN.lastIndex, depth: this.#open.length });
  }

  /** @param {number} at */
  #endStatement(at) {
    const begun = this.#returns.at(-1);
    if (begun === undefined || begun.depth !== this.#open.length) return;
    this.#returns.pop();
    this.#edits.push({ at: begun.at, end: begun.at, text: `yield globalThis.${AWAIT}((` }, { at, end: at, text: "))" });
  }
}
