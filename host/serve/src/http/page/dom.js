// Makes elements. Text always becomes a text node and never markup: no other module creates elements, so this is the one
// place to look at for what plugins and users write.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with properties and children.
 *
 * `on` holds listeners by event, `class` and every other name is an attribute; an attribute that is false, null or
 * undefined is left out, and true is the empty text. A child is an element, a text, or nothing (null, false).
 */
export function h(name, properties = {}, ...children) {
  return furnish(document.createElement(name), properties, children);
}

/** The same for SVG. */
export function s(name, properties = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), properties, children);
}

function furnish(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      attribute(element, name, value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Sets an attribute, or takes it away. Nothing is written that is there already. */
export function attribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets the text of an element. Nothing is written that is there already, so that nothing is painted anew. */
export function text(element, value) {
  const wanted = value === null || value === undefined ? "" : String(value);
  if (element.textContent !== wanted) element.textContent = wanted;
  return element;
}

/** Text that a plugin or a user wrote. */
export function said(value, properties = {}) {
  const classes = properties.class ? `said ${properties.class}` : "said";
  return h("span", { ...properties, class: classes }, String(value ?? ""));
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/**
 * Makes the children of an element those of `items`, in this order. What was there before under the same key stays, so
 * that focus, selection and the reader's place stay with it.
 */
export function keyed(parent, items, { key, make, update }) {
  const before = new Map();
  for (const child of parent.children) before.set(child.dataset.key, child);
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let element = before.get(name);
    before.delete(name);
    if (!element) {
      element = make(item);
      element.dataset.key = name;
    }
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const left of before.values()) left.remove();
}

/** Calls once in the next frame, however often it is asked to. */
export function eachFrame(work) {
  let waiting = 0;
  const asked = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      work();
    });
  };
  asked.stop = () => {
    cancelAnimationFrame(waiting);
    waiting = 0;
  };
  return asked;
}
