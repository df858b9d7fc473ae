// What came out of a job, as numbers to draw: read from its results, at most so many records.

import { send } from "./api.js";
import { rowsIn } from "./csv.js";
import { texts } from "./events.js";

export const MOST = 50_000;

/** Columns by their names as lists of text, a part at a time; `names` are those that are wanted. */
export async function* outputs(job, names, signal) {
  const answer = await send("GET", `/jobs/${job.id}/results`, { query: { format: "csv", include: "inputs" }, signal });
  let header = null;
  let read = 0;
  for await (const rows of rowsIn(texts(answer.body))) {
    header ??= rows.shift();
    const error = header.indexOf("error");
    const scored = rows.filter((cells) => cells[error] === "").slice(0, MOST - read);
    read += scored.length;
    yield Object.fromEntries(names.map((name) => [name, scored.map((cells) => cells[header.indexOf(name)])]));
    if (read >= MOST) return;
  }
}
