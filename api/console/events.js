// A job as it changes. EventSource cannot send a key, so the stream is read here.

import { send } from "./api.js";

const PAUSE_MILLISECONDS = 500;

/** The job at each change until it is finished, whatever happens to the connection. */
export async function* changes(id, signal) {
  let seen = "";
  for (;;) {
    const answer = await send("GET", `/jobs/${id}/events`, { signal, headers: seen ? { "Last-Event-ID": seen } : {} });
    if (answer.status === 204) return;
    try {
      for await (const event of events(answer.body)) {
        seen = event.id;
        const job = JSON.parse(event.data);
        yield job;
        if (job.finished_at) return;
      }
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  }
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
