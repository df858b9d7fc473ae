// One record in, its output at once.

import { get, newKey, send } from "../api.js";
import { catalogue, chooser, noModel, references } from "../catalogue.js";
import { fill, h, tell } from "../dom.js";
import { fieldsOf } from "../fields.js";
import { empty, heading, panel, trouble } from "../parts.js";
import { answer } from "./answer.js";

const WAIT_SECONDS = 10;

export async function show(page, { given: [wanted], signal }) {
  const found = references(await catalogue(signal));
  if (!found.length) {
    fill(page, heading("One record"), panel("", noModel()));
    return;
  }
  const [ref, , version] = found.find(([name]) => name === wanted) ?? found[0];
  const at = `/models/${encodeURIComponent(ref)}`;
  const [schema, example] = await Promise.all([get(`${at}/schema`, {}, signal), get(`${at}/example`, {}, signal)]);
  const choose = chooser(found, ref, (name) => (location.hash = `#/predict/${encodeURIComponent(name)}`));
  const hint = empty("Nothing is scored yet", "Change what you like in the example, then press Score.");
  const output = h("div", { class: "stack" }, panel("The answer", hint));
  const title = version.model === "housing" ? "Price one house" : "Score one record";
  const asked = { ref, version, output, signal, wrong: h("div", {}), fields: fieldsOf(schema, example) };
  fill(page, heading(title), h("div", { class: "columns" }, form(asked, choose, example), output));
}

function form(asked, choose, example) {
  const button = h("button", { class: "primary" }, "Score");
  const other = (name, record) => h("button", { type: "button", onclick: () => asked.fields.fill(record) }, name);
  const score = async (event) => {
    event.preventDefault();
    button.disabled = true;
    await scored({ ...asked, record: asked.fields.record() }).finally(() => (button.disabled = false));
  };
  const buttons = h("div", { class: "actions" }, button, other("Back to the example", example), other("Clear", {}));
  const parts = [choose, asked.fields.element, asked.wrong, buttons];
  return h("form", { class: "panel", onsubmit: score, novalidate: true }, parts);
}

async function scored({ ref, version, record, fields, wrong, output, signal }) {
  fields.mark([]);
  fill(wrong);
  const began = performance.now();
  try {
    const job = await finished(ref, record, signal);
    const took = performance.now() - began;
    fill(output, ...(await answer({ job, version, record, ref, took, signal })));
    output.firstElementChild.scrollIntoView({ block: "nearest" });
    tell(`Scored. ${output.querySelector(".answer")?.textContent ?? ""}`);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    const lost = fields.mark(error.errors ?? []);
    if (lost.length || !error.errors?.length) fill(wrong, trouble(error));
    else tell(error.message);
  }
}

/** The finished job; sent under a key, so that it is one job however often it has to be sent. */
async function finished(ref, record, signal) {
  const headers = { Prefer: `wait=${WAIT_SECONDS}`, "Idempotency-Key": newKey() };
  const sent = await send("POST", `/predict/${encodeURIComponent(ref)}`, { json: record, headers, signal });
  let job = await sent.json();
  while (!job.finished_at) job = await get(`/jobs/${job.id}`, { wait: WAIT_SECONDS }, signal);
  return job;
}
