// Who the reader is to the platform, and so what it will let him do. The token itself is never kept here: the session's
// cookie stands for it, and no script can read that.

import { api } from "./api.js";

let session = { role: null, services: null, users: null, authentication: "token" };

/** Asks the platform anew. */
export async function loadSession() {
  session = await api.session();
  return session;
}

/** What it answered last. */
export const current = () => session;

export const isLoggedIn = () => session.role !== null;
export const isOperator = () => session.role === "operator";

/** Whether there is anything to log out of. */
export const needsToken = () => session.authentication === "token";
