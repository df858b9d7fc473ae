// How far a job is, in figures.

import { h } from "../dom.js";
import { between, count, duration, many, moment } from "../format.js";
import { badge, facts, isFinished, outside } from "../parts.js";

/** What stands in the panel; `rate` is records a second just now, null if that cannot be said. */
export function progressOf(job, rate) {
  const { total, succeeded, failed } = job.records;
  const done = Math.max(succeeded + failed, Math.round(job.progress * total)); // which is rounded, and counts canceled ones
  const took = between(job.started_at ?? job.created_at, job.finished_at);
  return [
    h(
      "div",
      { class: "progress-line" },
      h("span", {}, badge(job.status), " ", h("strong", {}, count(done)), ` of ${many(total, "record")}`),
      h("span", { class: "quiet" }, outlook(job)),
    ),
    h("progress", { max: total, value: done, "aria-label": "Records that are settled" }),
    job.error && total > 1 ? h("p", {}, job.error.detail) : null,
    facts([
      ["scored", count(succeeded)],
      ["failed", count(failed)],
      [
        "records a second",
        isFinished(job) ? (took ? count((done / took) * 1000) : "") : rate === null ? "" : count(rate),
      ],
      ["model", h("a", { href: `#/models/${job.model.name}` }, `${job.model.name}:${job.model.version}`)],
      ["accepted", moment(job.created_at)],
      ["id", h("code", {}, job.id)],
      ...Object.entries(job.metadata),
    ]),
    beyond(job),
  ];
}

function outlook(job) {
  if (isFinished(job)) return `took ${duration(between(job.created_at, job.finished_at) / 1000)}`;
  const ahead = job.ahead ? `${many(job.ahead, "record")} ahead of it; ` : "";
  return (
    ahead +
    (job.eta_seconds === null ? "no worker is there; it waits safely" : `about ${duration(Math.max(job.eta_seconds, 0.1))} left`)
  );
}

function beyond(job) {
  const found = outside(job.warnings);
  return found.length
    ? h(
        "p",
        { class: "quiet" },
        "Beyond what the model has seen: ",
        found.map(([name, rows]) => `${name} in ${many(rows, "record")}`).join(", "),
        ".",
      )
    : null;
}
