// The records of a job that failed, each with its reason.

import { send } from "../api.js";
import { rowsIn } from "../csv.js";
import { fill, h } from "../dom.js";
import { texts } from "../events.js";
import { count } from "../format.js";
import { panel, table, trouble } from "../parts.js";

const MOST_SHOWN = 50;
const COLUMN = 2; // what a model fails on names none
const COLUMNS = [
  { name: "record", right: true },
  { name: "line", right: true, spare: true },
  { name: "column", spare: true },
  { name: "what is wrong", wide: true },
  "what was sent",
];

/** `onInputs` is called when all failed for what was sent, which trying again does not change. */
export function failures(job, signal, onInputs) {
  const list = h("div", {}, h("p", { class: "quiet" }, "Reading them"));
  read(job, signal)
    .then((rows) => {
      fill(list, table("Failed records", COLUMNS, rows, "wraps"), more(job, rows));
      if (rows.length === job.records.failed && rows.every((row) => row[COLUMN])) onInputs();
    })
    .catch((error) => signal.aborted || fill(list, trouble(error)));
  return panel(`${count(job.records.failed)} failed`, list);
}

async function read(job, signal) {
  const answer = await send("GET", `/jobs/${job.id}/errors`, { query: { format: "csv" }, signal });
  const found = [];
  for await (const rows of rowsIn(texts(answer.body))) {
    found.push(...rows);
    if (found.length > MOST_SHOWN) break;
  }
  const [header, ...records] = found.slice(0, MOST_SHOWN + 1);
  const at = (name) => header.indexOf(name);
  return records.map((cells) => [
    count(Number(cells[at("record")])),
    cells[at("line")] ? count(Number(cells[at("line")])) : "",
    cells[at("column")],
    cells[at("detail")],
    cells[at("raw")] ? h("code", {}, cells[at("raw")]) : "",
  ]);
}

function more(job, rows) {
  const rest = job.records.failed - rows.length;
  return rest > 0 ? h("p", { class: "quiet" }, `and ${count(rest)} more; the file below has all of them.`) : null;
}
