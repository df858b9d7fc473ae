// What came out of a job: how the outputs are spread, where, if the records have a place, and all of it as files.

import { bars, binned, histogram } from "../charts.js";
import { fill, h, painted } from "../dom.js";
import { amounts, count, many } from "../format.js";
import { PlaceMap, hasPlaces } from "../map.js";
import { MOST, outputs } from "../outputs.js";
import { facts, panel, trouble } from "../parts.js";
import { downloads } from "./downloads.js";

export function results(job, version, signal) {
  const [chart, place] = [
    h("div", { class: "stack" }, h("p", { class: "quiet" }, "Reading the results")),
    h("div", { class: "stack" }),
  ];
  const isValue = version.task === "regression";
  const map = hasPlaces(version.inputs) ? new PlaceMap({ isValue, write: amounts(version), signal }) : null;
  if (map) fill(place, map.element);
  draw(job, { isValue, version, chart, map, signal }).catch((error) => signal.aborted || fill(chart, trouble(error)));
  const title = isValue ? `How the ${amounts(version).what}s are spread` : "What came out";
  return h(
    "div",
    { class: "columns" },
    h("div", { class: "stack" }, panel(title, chart), downloads(job)),
    map && panel("Where they are", place),
  );
}

async function draw(job, { isValue, version, chart, map, signal }) {
  const name = isValue ? "value" : "label";
  const all = [];
  for await (const part of outputs(job, [name, ...(map ? ["longitude", "latitude"] : [])], signal)) {
    const found = isValue ? part[name].map(Number) : part[name];
    all.push(...found);
    map?.add(part.longitude, part.latitude, found);
    await painted();
  }
  await map?.finish();
  if (map?.isElsewhere) map.canvas.closest("section").hidden = true;
  fill(chart, ...(isValue ? spread(all, amounts(version)) : shares(all)), part(job, all));
}

function spread(values, write) {
  const ordered = Float64Array.from(values).sort();
  const at = (share) => write.full(ordered[Math.floor(share * (ordered.length - 1))]);
  const label = `Histogram: half of the ${write.what}s lie between ${at(0.25)} and ${at(0.75)}, the middle one is ${at(0.5)}.`;
  return [
    histogram(binned(values), { format: write.brief, label }),
    facts([
      ["lowest", at(0)],
      ["a quarter below", at(0.25)],
      ["middle", at(0.5)],
      ["three quarters below", at(0.75)],
      ["highest", at(1)],
    ]),
  ];
}

function shares(labels) {
  const counts = new Map();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const ordered = [...counts].sort(([, one], [, other]) => other - one);
  return [
    bars(ordered.slice(0, 15), count, "Records by label"),
    ordered.length > 15 && h("p", { class: "quiet" }, `and ${many(ordered.length - 15, "label")} more`),
  ];
}

function part(job, all) {
  return job.records.succeeded > all.length && all.length >= MOST
    ? h("p", { class: "quiet" }, `Of the first ${count(all.length)} records.`)
    : null;
}
