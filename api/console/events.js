// A job as it changes. EventSource cannot send a key, so the stream is read here.

import { get, send } from "./api.js";

const PAUSE_MILLISECONDS = 500;
const POLL_MILLISECONDS = 2000;
const TOO_MANY = 429;

/** The job at each change until it is finished, whatever happens to the connection. */
export async function* changes(id, signal) {
  let seen = "";
  for (let finished = false; !finished;) {
    try {
      for await (const job of streamed(id, seen, signal)) {
        seen = job.event;
        yield job;
        finished = Boolean(job.finished_at);
      }
      await pause(PAUSE_MILLISECONDS);
    } catch (error) {
      if (signal.aborted || (error.status && error.status !== TOO_MANY)) throw error;
      const job = await get(`/jobs/${id}`, {}, signal); // there are too many streams, or this one broke
      yield job;
      finished = Boolean(job.finished_at);
      if (!finished) await pause(POLL_MILLISECONDS);
    }
  }
}

async function* streamed(id, seen, signal) {
  const headers = seen ? { "Last-Event-ID": seen } : {};
  const { body } = await send("GET", `/jobs/${id}/events`, { signal, headers });
  for await (const event of events(body)) yield { ...JSON.parse(event.data), event: event.id };
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function* events(body) {
  let text = "";
  for await (const part of texts(body)) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map(field));
      if (fields.data) yield fields;
    }
  }
}

function field(line) {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}

/** What is read of a stream, as text. */
export async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
