// What is in a file and what is wrong with it, before it is sent: a dry run, which stores nothing.

import { send } from "../api.js";
import { h } from "../dom.js";
import { bytes, count, duration, many } from "../format.js";
import { badge, facts, outside, panel, table, trouble } from "../parts.js";

const MOST_SHOWN = 20;
const ALL_WRONG = "None of these can be scored. Mend the file, then choose it again.";
const REFUSALS = new Set([400, 413, 415, 422]);

/** The panels: the first rows, the columns, and what the service says of them; and whether it would refuse all of it. */
export async function check({ file, kind, ref, sample, schema, signal }) {
  const rehearsed = await rehearsal({ file, kind, ref, sample, signal });
  const parts = [
    firstRows(file, sample),
    sample.columns.length ? columns(sample.columns, schema, ref) : null,
    rehearsed.panel,
  ];
  return { panels: parts.filter(Boolean), isRefused: rehearsed.isRefused };
}

function firstRows(file, { columns: names, rows }) {
  const about = h(
    "p",
    { class: "quiet" },
    bytes(file.size),
    names.length
      ? `, ${many(names.length, "column")}`
      : ". Its rows are not read in the browser; the service checks them below.",
  );
  return panel(file.name, about, names.length ? table("The first rows", names, rows) : null);
}

function columns(names, schema, ref) {
  const features = Object.keys(schema.properties);
  const needed = new Set(schema.required);
  const missing = features.filter((name) => !names.includes(name));
  const others = names.filter((name) => !features.includes(name));
  const list = (label, items, kind) =>
    items.length > 0 && [
      h("h3", {}, label),
      h(
        "ul",
        { class: "matches" },
        items.map((name) => h("li", {}, badge(name, kind))),
      ),
    ];
  return panel(
    "Columns",
    list(
      `Read by ${ref}`,
      names.filter((name) => features.includes(name)),
      "good",
    ),
    list(
      "Missing, and needed",
      missing.filter((name) => needed.has(name)),
      "bad",
    ),
    list(
      "Missing, taken as unknown",
      missing.filter((name) => !needed.has(name)),
      "pending",
    ),
    list("Not for the model; they come back beside the results", others, "other"),
  );
}

async function rehearsal({ file, kind, ref, sample, signal }) {
  if (!sample.body) {
    const why = `${bytes(file.size)} are too many to be sent twice, so this file is checked when it is sent. A record that is wrong fails alone.`;
    return { panel: panel("Check", h("p", {}, why)), isRefused: false };
  }
  const isPart = sample.body !== file;
  const headers = { "Content-Type": kind.type, ...(!isPart && kind.packed ? { "Content-Encoding": "gzip" } : {}) };
  try {
    const answer = await send("POST", "/jobs", {
      query: { model: ref, dry_run: true },
      body: sample.body,
      headers,
      signal,
    });
    const found = await answer.json();
    return { panel: findings(found, sample), isRefused: sample.whole && found.records.valid === 0 };
  } catch (error) {
    if (signal.aborted) throw error;
    return { panel: panel("Check", trouble(error)), isRefused: sample.whole && REFUSALS.has(error.status) };
  }
}

function findings({ records, errors, warnings, estimated_seconds: seconds }, sample) {
  const size = sample.whole ? "All of it was" : `The first ${bytes(sample.body.length)} were`;
  return panel(
    "Check",
    h("p", { class: "quiet" }, `${size} looked at; nothing is stored yet.`),
    facts([
      ["records", count(records.total)],
      ["can be scored", count(records.valid)],
      ["cannot", records.invalid ? badge(count(records.invalid), "bad") : count(0)],
      sample.whole && ["should take", seconds === null ? "no worker is there" : duration(seconds)],
    ]),
    beyond(outside(warnings)),
    errors.length > 0 && faults(errors.slice(0, MOST_SHOWN), records.invalid, records.valid === 0),
  );
}

function beyond(found) {
  const said = found.map(([name, rows]) => `${name} in ${many(rows, "record")}`);
  return said.length > 0 && h("p", {}, `Beyond what the model has seen, and scored all the same: ${said.join(", ")}.`);
}

function faults(errors, invalid, allWrong) {
  const columns = [
    { name: "record", right: true },
    { name: "line", right: true, spare: true },
    { name: "column", spare: true },
    { name: "what is wrong", wide: true },
  ];
  const rows = errors.map((one) => [count(one.record ?? 0), one.line ?? "", one.column ?? "", one.detail]);
  return [
    h("p", {}, allWrong ? ALL_WRONG : "These fail alone, each with its reason; the others are scored."),
    table("What is wrong", columns, rows, "wraps"),
    invalid > rows.length && h("p", { class: "quiet" }, `and ${count(invalid - rows.length)} more`),
  ];
}
