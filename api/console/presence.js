// Whether the service is there: what cannot be sent waits here, and the page says so meanwhile.

import { fill } from "./dom.js";

const LOOK_MILLISECONDS = 700;
let waiting = null;

/** Resolves once requests can be accepted again. */
export function comesBack() {
  waiting ??= look().finally(() => (waiting = null));
  return waiting;
}

async function look() {
  const banner = document.getElementById("banner");
  fill(banner, "The service is away. Trying again; nothing that was accepted is lost.");
  banner.hidden = false;
  do {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
  } while (!(await isReady()));
  banner.hidden = true;
}

async function isReady() {
  try {
    return (await fetch("/health/ready", { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
