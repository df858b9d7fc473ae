// The beginning of a file: what it holds, and so much of it as is checked before all is sent.

import { delimiterOf, lastEnd, rowsOf } from "./csv.js";

const SAMPLE_BYTES = 512_000;
const WHOLE_BYTES = 8_000_000;
const ROWS = 8;
const TYPES = {
  csv: "text/csv",
  tsv: "text/csv",
  ndjson: "application/x-ndjson",
  jsonl: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
  json: "application/json",
};

/** What the name says: {type, packed}; null if it is none of ours. */
export function kindOf(name) {
  const [, ending, packed] = /\.([a-z]+)(\.gz)?$/.exec(name.toLowerCase()) ?? [];
  return TYPES[ending] ? { type: TYPES[ending], packed: Boolean(packed) } : null;
}

/** {body, whole, columns, rows}: what to send for a check, whether it is all, and the first rows where they can be read. */
export async function sampleOf(file, kind) {
  const isLines = kind.type === TYPES.csv || kind.type === TYPES.ndjson;
  if (!isLines) return { body: file.size <= WHOLE_BYTES ? file : null, whole: true, columns: [], rows: [] };
  const { bytes, whole } = await beginning(file, kind.packed);
  const text = new TextDecoder("latin1").decode(bytes); // a character a byte, so that places in both are the same
  const end = whole ? bytes.length : kind.type === TYPES.csv ? lastEnd(text) : text.lastIndexOf("\n") + 1;
  const body = bytes.subarray(0, end);
  const shown = new TextDecoder().decode(body);
  return { body, whole, ...(kind.type === TYPES.csv ? tableOf(shown) : objectsOf(shown)) };
}

async function beginning(file, packed) {
  const stream = packed ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  const reader = stream.getReader();
  const parts = [];
  let size = 0;
  let done = false;
  while (size < SAMPLE_BYTES && !done) {
    const part = await reader.read();
    ({ done } = part);
    if (!done) parts.push(part.value.subarray(0, SAMPLE_BYTES - size));
    size += part.value?.length ?? 0;
  }
  if (!done) reader.cancel().catch(() => {});
  return { bytes: new Uint8Array(await new Blob(parts).arrayBuffer()), whole: done };
}

function tableOf(text) {
  const begin = text.slice(0, 20_000);
  const [columns = [], ...rows] = rowsOf(begin.slice(0, lastEnd(begin)) || text, delimiterOf(begin));
  return { columns: columns.map((name) => name.trim()), rows: rows.slice(0, ROWS) };
}

function objectsOf(text) {
  const records = text.split("\n", ROWS).filter(Boolean).map(parsed).filter(Boolean);
  const columns = [...new Set(records.flatMap(Object.keys))];
  return { columns, rows: records.map((record) => columns.map((name) => shown(record[name]))) };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function shown(value) {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}
