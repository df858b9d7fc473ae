// The jobs of who is signed in, newest first.

import { get } from "../api.js";
import { catalogue } from "../catalogue.js";
import { every, fill, h, refill } from "../dom.js";
import { between, count, duration, percent } from "../format.js";
import { STATUSES, badge, empty, heading, isFinished, panel, table, trouble, when } from "../parts.js";

const PAGE = 25;
const LOOK_MILLISECONDS = 2000;

export async function show(page, { query, signal }) {
  const models = [...(await catalogue(signal)).keys()];
  const filter = {
    status: query.get("status") ?? "",
    model: query.get("model") ?? "",
    after: query.get("after") ?? "",
  };
  const list = h("div", {});
  let shown = "";
  const refresh = async () => {
    try {
      const found = await get("/jobs", { ...filter, limit: PAGE }, signal);
      if (shown !== JSON.stringify(found)) refill(list, found.items.length ? rows(found, filter) : nothing(filter));
      shown = JSON.stringify(found);
    } catch (error) {
      if (!signal.aborted) fill(list, trouble(error, refresh));
    }
  };
  fill(page, heading("Jobs"), panel("", filters(filter, models), list));
  await refresh();
  every(LOOK_MILLISECONDS, signal, refresh);
}

function filters(filter, models) {
  const go = (name, value) => (location.hash = address({ ...filter, after: "", [name]: value }));
  const choice = (name, label, values) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: `filter-${name}` }, label),
      h(
        "select",
        { id: `filter-${name}`, onchange: (event) => go(name, event.target.value) },
        h("option", { value: "" }, "all"),
        values.map((value) => h("option", { value, selected: value === filter[name] }, value)),
      ),
    );
  return h("div", { class: "filters" }, choice("status", "Status", STATUSES), choice("model", "Model", models));
}

function address(filter) {
  const given = Object.entries(filter).filter(([, value]) => value);
  return given.length ? `#/jobs?${new URLSearchParams(given)}` : "#/jobs";
}

function rows({ items, next }, filter) {
  const columns = [
    "Job",
    "Status",
    "Model",
    { name: "Records", right: true },
    { name: "Failed", right: true },
    "Sent",
    { name: "Took", right: true },
  ];
  return [
    table("Jobs", columns, items.map(row)),
    h(
      "div",
      { class: "actions" },
      filter.after && h("a", { class: "button", href: address({ ...filter, after: "" }) }, "Newest"),
      next && h("a", { class: "button", href: address({ ...filter, after: next }) }, "Older"),
    ),
  ];
}

function row(job) {
  const { total, failed } = job.records;
  const took = isFinished(job) ? duration(between(job.created_at, job.finished_at) / 1000) : percent(job.progress);
  return [
    h("a", { href: `#/jobs/${job.id}` }, job.name || `${job.id.slice(0, 8)}…${job.id.slice(-4)}`),
    badge(job.status),
    `${job.model.name}:${job.model.version}`,
    count(total),
    failed ? h("span", { class: "badge is-bad" }, count(failed)) : "0",
    when(job.created_at),
    took,
  ];
}

function nothing(filter) {
  if (filter.status || filter.model || filter.after)
    return empty("No job is like that", h("a", { href: "#/jobs" }, "Show all jobs"), ".");
  return empty(
    "You have no jobs yet",
    h("a", { href: "#/predict" }, "Score one record"),
    " or ",
    h("a", { href: "#/score" }, "send a file"),
    ".",
  );
}
