// How a status is shown: a shape and a word, both in its colour.

import { attribute, h, text } from "../dom.js";
import { icon } from "../icons.js";
import { nameOf } from "../statuses.js";

/** A status as a small label. */
export function statusBadge(status) {
  return setStatus(h("span", { class: "status" }, icon(status), h("span")), status);
}

/** Has such a label show another status. */
export function setStatus(badge, status) {
  if (badge.dataset.status !== status) {
    attribute(badge, "data-status", status);
    badge.firstElementChild.replaceWith(icon(status));
    text(badge.lastElementChild, nameOf(status));
  }
  return badge;
}
