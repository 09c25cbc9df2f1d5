// Where the reader is: the part of the address after `#`, so that every view has a link, and the server one page.

/** What an address says: the parts of its path, decoded, and its parameters. */
export function parse(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const parts = path.split("/").filter((part) => part !== "");
  return { parts: parts.map(decoded), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a view. Parameters that are empty are left out. */
export function link(parts, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, value);
  }
  const path = parts.map(encodeURIComponent).join("/");
  const written = parameters.toString();
  return `#/${path}${written ? `?${written}` : ""}`;
}

/** Goes to a view. In place of the present one in the history, if `replace` says so: for what is typed letter by letter. */
export function go(to, { replace = false } = {}) {
  if (to === location.hash) return;
  if (!replace) {
    location.hash = to;
    return;
  }
  history.replaceState(history.state, "", to);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The link of a task. */
export const taskLink = (id) => link(["tasks", id]);

/** Whether an address is that of a view. Others, such as the skip link's, are the page's own. */
export const isView = (hash) => hash === "" || hash === "#" || hash.startsWith("#/");
