// CSV as the service writes and reads it: cells may be quoted, and quoted ones may hold line breaks.

const DELIMITERS = [",", ";", "\t", "|"];

/** Where the last whole line ends: behind it, a cell may still be open. 0 if there is none. */
export function lastEnd(text) {
  if (!text.includes('"')) return text.lastIndexOf("\n") + 1;
  let end = 0;
  let from = 0;
  for (let open = text.indexOf('"'); ; open = text.indexOf('"', from)) {
    const until = open < 0 ? text.length : open;
    const line = text.lastIndexOf("\n", until - 1);
    if (line >= from) end = line + 1;
    if (open < 0) return end;
    const close = text.indexOf('"', open + 1);
    if (close < 0) return end;
    from = close + 1;
  }
}

/** What parts the cells, as seen in the header. */
export function delimiterOf(text) {
  const header = text.slice(0, text.indexOf("\n") < 0 ? text.length : text.indexOf("\n"));
  const most = (one) => header.split(one).length;
  return DELIMITERS.reduce((best, one) => (most(one) > most(best) ? one : best));
}

/** The rows of whole lines, as lists of cells. */
export function rowsOf(text, delimiter = ",") {
  if (!text.includes('"')) {
    return text
      .split("\n")
      .filter((line) => line && line !== "\r")
      .map((line) => line.replace(/\r$/, "").split(delimiter));
  }
  const rows = [];
  let cells = [];
  let at = 0;
  while (at < text.length) {
    const [cell, next] = text[at] === '"' ? quoted(text, at) : plain(text, at, delimiter);
    cells.push(cell);
    at = next + 1;
    if (text[next] === delimiter && at < text.length) continue;
    if (text[next] === "\r") at += 1;
    if (cells.length > 1 || cell) rows.push(cells);
    cells = [];
  }
  return rows;
}

function plain(text, at, delimiter) {
  let end = at;
  while (end < text.length && text[end] !== delimiter && text[end] !== "\n" && text[end] !== "\r") end += 1;
  return [text.slice(at, end), end];
}

function quoted(text, at) {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0) end = text.length;
  return [text.slice(at + 1, end).replaceAll('""', '"'), end + 1];
}

/** The rows of a text that comes in parts, as they come: lists of rows, the header in the first. */
export async function* rowsIn(parts) {
  let pending = "";
  for await (const part of parts) {
    pending += part;
    const end = lastEnd(pending);
    if (!end) continue;
    yield rowsOf(pending.slice(0, end));
    pending = pending.slice(end);
  }
  if (pending) yield rowsOf(pending);
}
