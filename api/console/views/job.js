// One job as it goes: progress, what failed, what came out, and what can be done with it.

import { get, send } from "../api.js";
import { fill, h, refill, tell } from "../dom.js";
import { changes } from "../events.js";
import { between, count, duration, many, moment } from "../format.js";
import { badge, facts, heading, isFinished, panel, sure, trouble } from "../parts.js";
import { life, output } from "./answer.js";
import { downloads } from "./downloads.js";
import { failures } from "./failures.js";
import { Pace } from "../pace.js";
import { results } from "./results.js";

export async function show(page, { given: [id], signal }) {
  let job = await get(`/jobs/${id}`, {}, signal);
  const [head, progress, wrong, rest] = ["div", "section", "div", "div"].map((tag) => h(tag, {}));
  const [version, pace] = [
    await get(`/models/${job.model.name}/versions/${job.model.version}`, {}, signal),
    new Pace(),
  ];
  progress.className = "panel";
  rest.className = "stack";
  fill(page, head, wrong, progress, rest);
  const act = async (verb) => {
    fill(wrong);
    try {
      await send("POST", `/jobs/${id}/${verb}`, { signal });
      if (isFinished(job)) dispatchEvent(new Event("hashchange")); // the page begins anew
    } catch (error) {
      if (!signal.aborted) fill(wrong, trouble(error));
    }
  };
  const draw = () => {
    refill(head, heading(job.name || "Job", actions(job, act)));
    fill(progress, ...progressOf(job, pace.after(job)));
  };
  draw();
  if (!isFinished(job))
    job = await followed(id, signal, (news) => {
      job = news;
      draw();
    });
  fill(rest, ...(await outcome(job, version, signal)));
}

/** The job when it is finished. */
async function followed(id, signal, draw) {
  for await (const job of changes(id, signal)) draw(job);
  const job = await get(`/jobs/${id}`, {}, signal);
  draw(job);
  tell(`The job is ${job.status}.`);
  return job;
}

function actions(job, act) {
  const { total, succeeded } = job.records;
  const cancel = async () =>
    (await sure(
      "Cancel this job?",
      "What is scored is kept; what waits is not scored. It can be tried again later.",
      "Cancel the job",
    )) && act("cancel");
  if (!isFinished(job)) return h("button", { type: "button", id: "cancel", onclick: cancel }, "Cancel");
  return succeeded < total
    ? h(
        "button",
        { type: "button", id: "retry", onclick: () => act("retry") },
        `Try ${many(total - succeeded, "record")} again`,
      )
    : null;
}

function progressOf(job, rate) {
  const { total, succeeded, failed } = job.records;
  const done = Math.round(job.progress * total);
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
    (job.eta_seconds === null ? "no worker is there; it waits safely" : `about ${duration(job.eta_seconds)} left`)
  );
}

function beyond(job) {
  const found = Object.entries(job.warnings.outside ?? job.warnings);
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

async function outcome(job, version, signal) {
  const { total, failed, succeeded } = job.records;
  if (total === 1 && job.output)
    return [panel("The answer", await output(job, version, signal)), panel("Its life", life(job))];
  return [
    failed > 0 ? failures(job, signal) : null,
    succeeded > 0 ? results(job, version, signal) : failed > 0 ? downloads(job) : null,
  ].filter(Boolean);
}
