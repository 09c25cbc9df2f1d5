// The frames of an error that are the author's, outside of a component.

import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { frames, spell } from "../runtime/stack.js";

/** The folders of the SDK's own code. */
const OWN = ["../src/", "../runtime/", "../testing/"].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));

/**
 * @param {unknown} error
 * @returns {string[]} each as `name (file:line:column)`
 */
export function authorsFrames(error) {
  const stack = /** @type {any} */ (error)?.stack;
  if (typeof stack !== "string") return [];
  const told = [];
  for (const frame of frames(stack)) {
    if (frame.file.startsWith("node:")) continue;
    const path = frame.file.startsWith("file:") ? fileURLToPath(frame.file) : frame.file;
    if (!path.includes(sep) || OWN.some((folder) => path.startsWith(folder))) continue;
    told.push(spell({ ...frame, file: relative(process.cwd(), path).split(sep).join("/") }));
  }
  return told;
}
