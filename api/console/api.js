// Requests to the API: with the key, with patience where asking twice is safe, and with its own words when it refuses.

import { comesBack } from "./presence.js";
import { key, signOut } from "./session.js";

const AWAY = new Set([502, 503, 504]);
export const REVOKED =
  "This key does not open the service any more: it was revoked, or its user was closed. Sign in with another one.";

/** What the API refused: its `detail`, and `errors` with the place of each. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `The service answered ${status}.`);
    this.status = status;
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
    this.requestId = body.request_id;
  }
}

export function newKey() {
  return crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-");
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The answer; waits for a service that is away, if the request may be sent twice. */
export async function send(method, path, { query, json, body, headers = {}, signal } = {}) {
  const asked = {
    method,
    signal: method === "GET" ? signal : null, // who leaves a view does not take back what was asked for there
    headers: { Authorization: `Bearer ${key() ?? ""}`, ...headers },
    body: json === undefined ? body : JSON.stringify(json),
    cache: "no-store",
  };
  if (json !== undefined) asked.headers["Content-Type"] = "application/json";
  const patient = method === "GET" || method === "DELETE" || "Idempotency-Key" in headers;
  for (;;) {
    const answer = await answered(address(path, query), asked);
    if (answer && !(patient && AWAY.has(answer.status))) return checked(answer);
    if (!patient) {
      comesBack();
      throw new Problem(0, {
        detail: "The service could not be reached, and nobody knows whether it took this. Look, then try again.",
      });
    }
    await comesBack();
    signal?.throwIfAborted();
  }
}

/** Nothing where there was none. */
async function answered(url, asked) {
  try {
    return await fetch(url, asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

async function checked(answer) {
  if (answer.ok || answer.status === 304) return answer;
  throw problemOf(answer.status, await answer.text());
}

/** The problem in the body of an answer; who is not let in any more is signed out. */
export function problemOf(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // Not ours: something between the page and the service.
  }
  if (status === 401 && key()) signOut(REVOKED);
  return new Problem(status, body);
}

export async function get(path, query, signal) {
  return (await send("GET", path, { query, signal })).json();
}
