// One job as it goes: progress, what failed, what came out, and what can be done with it.

import { get, send } from "../api.js";
import { fill, h, refill, tell } from "../dom.js";
import { changes } from "../events.js";
import { many, percent } from "../format.js";
import { facts, heading, isFinished, panel, sure, trouble } from "../parts.js";
import { Pace } from "../pace.js";
import { life, output } from "./answer.js";
import { downloads } from "./downloads.js";
import { failures } from "./failures.js";
import { progressOf } from "./progress.js";
import { results } from "./results.js";

export async function show(page, { given: [id], signal, again }) {
  const job = await get(`/jobs/${id}`, {}, signal);
  const version = await get(`/models/${job.model.name}/versions/${job.model.version}`, {}, signal);
  const parts = {
    head: h("div", {}),
    wrong: h("div", {}),
    progress: h("section", { class: "panel" }),
    rest: h("div", { class: "stack" }),
  };
  fill(page, Object.values(parts));
  const failed = (error) => signal.aborted || error.name === "AbortError" || fill(parts.wrong, trouble(error, again));
  const draw = drawer(parts, (verb) => act(id, verb, signal, again).catch(failed));
  draw(job);
  followed(job, draw, signal)
    .then((last) => outcome(last, version, signal))
    .then((panels) => fill(parts.rest, panels))
    .catch(failed);
}

/** Draws the job as it is now. */
function drawer({ head, progress }, call) {
  const pace = new Pace();
  let status = "";
  let quarter = 0;
  return (job) => {
    // Only then, so that the keyboard stays where it is.
    if (status !== job.status) refill(head, heading(job.name || "Job", actions(job, call)));
    ({ status } = job);
    fill(progress, progressOf(job, pace.after(job)));
    if (Math.floor(job.progress * 4) > quarter) tell(`${percent(job.progress)} of the records are settled.`);
    quarter = Math.floor(job.progress * 4);
  };
}

/** The job when it is finished. */
async function followed(job, draw, signal) {
  if (isFinished(job)) return job;
  for await (const news of changes(job.id, signal)) draw(news);
  const last = await get(`/jobs/${job.id}`, {}, signal);
  draw(last);
  tell(`The job is ${last.status}.`);
  return last;
}

async function act(id, verb, signal, again) {
  await send("POST", `/jobs/${id}/${verb}`, { signal });
  if (verb === "retry") again();
}

function actions(job, call) {
  const left = job.records.total - job.records.succeeded;
  const button = (id, name, pressed) => h("button", { type: "button", id, onclick: pressed }, name);
  if (!isFinished(job)) return button("cancel", "Cancel", () => canceled(call));
  return left > 0 ? button("retry", `Try ${many(left, "record")} again`, () => call("retry")) : null;
}

async function canceled(call) {
  const about = "What is scored is kept; what waits is not scored. It can be tried again later.";
  if (await sure("Cancel this job?", about, "Cancel the job")) await call("cancel");
}

async function outcome(job, version, signal) {
  const { total, failed, succeeded } = job.records;
  if (total === 1 && job.output)
    return [
      panel("The answer", await output(job, version, signal)),
      panel("What was sent", sent(job.input)),
      panel("Its life", life(job)),
    ];
  return [
    failed > 0 ? failures(job, signal, () => failed + succeeded === total && noRetry()) : null,
    succeeded > 0 ? results(job, version, signal) : failed > 0 ? downloads(job) : null,
  ].filter(Boolean);
}

function noRetry() {
  document.getElementById("retry")?.remove();
}

function sent(input) {
  return facts(Object.entries(input).map(([name, value]) => [name, String(value ?? "missing")]));
}
