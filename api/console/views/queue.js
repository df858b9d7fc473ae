// What waits and who works: lanes, workers, and the last minutes as lines.

import { get } from "../api.js";
import { line } from "../charts.js";
import { every, fill, h, refill } from "../dom.js";
import { count, duration, many } from "../format.js";
import { badge, empty, heading, panel, table, trouble, when } from "../parts.js";

const LOOK_MILLISECONDS = 2000;
const SECONDS = 300;
const history = []; // kept when the view is left, as long as the page is open

export async function show(page, { signal }) {
  const flower = h("span", {});
  const lanes = h("div", {});
  const workers = h("div", {});
  const charts = h("div", { class: "columns" });
  const refresh = async () => {
    try {
      const queue = await get("/queue", {}, signal);
      remember(queue);
      refill(lanes, laneTable(queue.lanes));
      refill(workers, workerTable(queue.workers));
      refill(
        flower,
        queue.flower &&
          h("a", { class: "button", href: queue.flower, target: "_blank", rel: "noreferrer" }, "Tasks in Flower"),
      );
      fill(charts, ...chartsOf());
    } catch (error) {
      if (!signal.aborted) fill(lanes, trouble(error));
    }
  };
  fill(page, heading("Queue"), charts, panel("Lanes", lanes), panel("Workers", workers));
  page.querySelector(".heading").append(flower);
  await refresh();
  every(LOOK_MILLISECONDS, signal, refresh);
}

/** A worker tells the pace of its last work; what it does now is that while it works, and nothing while it does not. */
function remember({ lanes, workers }) {
  const pace = workers.reduce((sum, worker) => sum + worker.records_per_second, 0);
  const busy = lanes.some((lane) => lane.running > 0) || (history.length > 0 && history.at(-1).pace !== pace);
  history.push({
    at: performance.now() / 1000,
    pace,
    rate: busy ? pace : 0,
    waiting: lanes.reduce((sum, lane) => sum + lane.records_waiting, 0),
  });
  while (history[0].at < history.at(-1).at - SECONDS) history.shift();
}

function chartsOf() {
  const now = history.at(-1);
  const points = (name) => history.map((one) => [now.at - one.at, one[name]]);
  return [
    panel(
      "Records a second",
      h("p", { class: "figure" }, count(now.rate)),
      line(points("rate"), SECONDS, count, `Records a second over the last minutes; now ${count(now.rate)}`),
    ),
    panel(
      "Records waiting",
      h("p", { class: "figure" }, count(now.waiting)),
      line(points("waiting"), SECONDS, count, `Records waiting over the last minutes; now ${count(now.waiting)}`),
    ),
  ];
}

function laneTable(lanes) {
  const about = { single: "single records, which go first", bulk: "files" };
  const right = (name) => ({ name, right: true });
  const rows = lanes.map((lane) => [
    h("strong", {}, lane.lane),
    h("span", { class: "quiet" }, about[lane.lane] ?? ""),
    count(lane.records_waiting),
    count(lane.waiting),
    count(lane.running),
    lane.oldest_seconds === null ? h("span", { class: "quiet" }, "none waits") : duration(lane.oldest_seconds),
  ]);
  return table(
    "Lanes",
    [
      "Lane",
      "For",
      right("Records waiting"),
      right("Slices waiting"),
      right("Slices running"),
      right("Oldest has waited"),
    ],
    rows,
  );
}

function workerTable(workers) {
  if (!workers.length)
    return empty(
      "No worker is alive",
      "What is accepted waits safely. Start one with ",
      h("code", {}, "celery -A worker.app worker"),
      ".",
    );
  const rows = workers.map((worker) => [
    worker.name,
    worker.lanes.map((lane) => badge(lane, "alias")),
    many(worker.slots, "process", "processes"),
    worker.records_per_second ? count(worker.records_per_second) : h("span", { class: "quiet" }, "nothing scored yet"),
    when(worker.seen_at),
  ]);
  return table(
    "Workers",
    ["Worker", "Lanes", "Scores in", { name: "Records a second, at work", right: true }, "Last seen"],
    rows,
  );
}
