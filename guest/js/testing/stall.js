// Whether anything is left in this process that could wake a run.

/**
 * How often is looked, in milliseconds, and how often in a row nothing must be found: modules that are loaded meanwhile are
 * nothing that is seen.
 */
const [INTERVAL, TIMES] = [50, 20];

/** What keeps the process alive, counted by its kind. @returns {Map<string, number>} */
function resources() {
  const counts = new Map();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

const { setInterval: every, clearInterval: stop } = globalThis;

/** How many runs are looked at: each has a timer for that. */
let lookers = 0;

/**
 * Calls `stalled` once nothing is left that could wake a run but what was there when it began. Returns what ends the watch.
 * @param {() => boolean} hasTimers
 * @param {() => void} stalled
 * @returns {() => void}
 */
export function whenStalled(hasTimers, stalled) {
  const before = resources();
  before.set("Timeout", (before.get("Timeout") ?? 0) - lookers);
  lookers += 1;
  let inARow = 0;
  const look = () => {
    const now = resources();
    now.set("Timeout", (now.get("Timeout") ?? 0) - lookers);
    const isIdle = [...now].every(([kind, count]) => count <= (before.get(kind) ?? 0));
    inARow = isIdle && !hasTimers() ? inARow + 1 : 0;
    if (inARow >= TIMES) stalled();
  };
  const looker = every(look, INTERVAL);
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    lookers -= 1;
    stop(looker);
  };
}
