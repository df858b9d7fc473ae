// The answer to one record: its output, where it lies among others, how long it took, and how to ask for it elsewhere.

import { get } from "../api.js";
import { bars, binned, fromQuantiles, histogram, rank } from "../charts.js";
import { h } from "../dom.js";
import { amounts, between, figure, milliseconds, percent } from "../format.js";
import { badge, facts, outside, panel, snippet, trouble } from "../parts.js";
import { curlLine, pythonLines } from "../lines.js";

const EARLIER = 1000;
const ENOUGH = 20;

/** The panels of an answer. */
export async function answer({ job, version, record, ref, took, signal }) {
  const scored = job.output
    ? await output(job, version, signal)
    : [trouble(new Error(job.error?.detail ?? `The job is ${job.status}.`))];
  return [
    panel("The answer", scored, beyond(job), origin(job)),
    panel("Its life", life(job, took)),
    panel(
      "The same from elsewhere",
      snippet("Shell", curlLine(ref, record)),
      snippet("Python", pythonLines(ref, record)),
    ),
  ];
}

export async function output(job, version, signal) {
  const { value, low, high, label, confidence, probabilities, distance } = job.output;
  if (value !== undefined)
    return [
      h("p", { class: "answer" }, amounts(version).full(value)),
      await place({ value, low, high }, version, signal),
    ];
  if (probabilities) {
    const ordered = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
    return [
      h("p", { class: "answer" }, String(label)),
      h("p", {}, `told with ${percent(confidence)} confidence`),
      bars(ordered.slice(0, 12), percent, "Probabilities"),
    ];
  }
  return [
    h("p", { class: "answer" }, `Cluster ${label}`),
    h("p", {}, `${figure(distance)} from the middle of it, in standard deviations`),
  ];
}

/** The interval in words, and the value in the distribution of what the model learned from. */
async function place({ value, low, high }, version, signal) {
  const write = amounts(version);
  const level = version.metrics.interval?.level ?? 0.9;
  const interval =
    typeof low === "number"
      ? `${percent(level)} of such records lie between ${write.full(low)} and ${write.full(high)}.`
      : "";
  const known = Array.isArray(version.metrics.quantiles) ? version.metrics.quantiles : null;
  const values = known ? [] : await earlier(version, signal);
  if (!known && values.length < ENOUGH) return h("p", {}, interval);
  const share = known ? rank(known, value) : values.filter((one) => one < value).length / values.length;
  const among = known ? `the ${write.what}s that it learned from` : `your last ${values.length} ${write.what}s`;
  const said = `Higher than ${percent(share)} of ${among}.`;
  const chart = histogram(known ? fromQuantiles(known) : binned(values), {
    format: write.brief,
    label: `Distribution of ${among}. ${said} ${interval}`,
    marker: { value, low: low ?? value, high: high ?? value },
  });
  return [h("p", {}, interval, " ", said), chart];
}

/** What this version said before, for a version that does not tell what it learned from. */
async function earlier(version, signal) {
  const { items } = await get("/predictions", { model: version.ref, limit: EARLIER }, signal);
  return items.map((item) => item.output?.value).filter((value) => typeof value === "number");
}

function beyond(job) {
  const names = outside(job.warnings).map(([name]) => name);
  return names.length ? h("p", { class: "quiet" }, `Beyond what the model has seen: ${names.join(", ")}.`) : null;
}

function origin(job) {
  const version = `${job.model.name}:${job.model.version}`;
  return h(
    "p",
    { class: "quiet" },
    badge(job.status),
    " by ",
    h("a", { href: `#/models/${job.model.name}` }, version),
    ", kept as ",
    h("a", { href: `#/jobs/${job.id}` }, "this job"),
  );
}

/** Waited, scored, in all, as the database saw it; and what the page had to wait. */
export function life(job, took) {
  const waited = between(job.created_at, job.started_at) ?? 0;
  const scored = between(job.started_at ?? job.created_at, job.finished_at) ?? 0;
  const bar = h("div", { class: "life", "aria-hidden": "true" }, [waited, scored].map(share));
  return [
    bar,
    facts([
      ["waited", milliseconds(waited)],
      ["scored and stored", milliseconds(scored)],
      ["in all", milliseconds(waited + scored)],
      took !== undefined && ["seen from this page", milliseconds(took)],
    ]),
  ];
}

function share(milliseconds_) {
  const part = h("span", {});
  part.style.setProperty("--share", Math.max(milliseconds_, 1));
  return part;
}
