// How good a version is, beside a baseline that has learned nothing.

import { h } from "../dom.js";
import { count, figure, moment, percent, quality } from "../format.js";
import { facts, table } from "../parts.js";

const NAMES = {
  r2: "R²",
  rmse: "RMSE",
  mae: "MAE",
  accuracy: "accuracy",
  macro_f1: "macro F1",
  log_loss: "log loss",
  silhouette: "silhouette",
};
const FIRST = ["r2", "accuracy", "silhouette"];
const MOST_CLASSES = 12;

/** The one figure for a list. */
export function score(metrics) {
  const name = FIRST.find((one) => typeof metrics[one] === "number");
  return name ? `${NAMES[name]} ${quality(metrics[name])}` : "";
}

export function metricsOf({ metrics }) {
  const named = Object.keys(NAMES).filter((name) => typeof metrics[name] === "number");
  const baseline = metrics.baseline ?? {};
  const rows = named.map((name) => [
    NAMES[name],
    quality(metrics[name]),
    typeof baseline[name] === "number" ? quality(baseline[name]) : "",
  ]);
  return [
    rows.length
      ? table(
          "Figures",
          ["On rows it never saw", { name: "this version", right: true }, { name: "knowing nothing", right: true }],
          rows,
        )
      : h("p", { class: "quiet" }, "Nobody said how good it is."),
    interval(metrics.interval),
    confusion(metrics.confusion),
  ];
}

function interval(found) {
  if (!found?.coverage) return null;
  return h(
    "p",
    {},
    `The ${percent(found.level)} interval reaches ${figure(found.half_width)} to both sides and held ${percent(found.coverage)} of those rows.`,
  );
}

function confusion(found) {
  if (!Array.isArray(found?.labels) || found.labels.length > MOST_CLASSES) return null;
  const columns = ["is, and told", ...found.labels.map((label) => ({ name: String(label), right: true }))];
  return table(
    "Rows by their class and what they were told to be",
    columns,
    found.rows.map((row, place) => [String(found.labels[place]), ...row.map(count)]),
  );
}

/** What it was made of. */
export function trainingOf({ training, framework, sha256, slice_records: slice }) {
  const { rows, target, data, synthetic, left_out: left = {}, warnings = [], trained_at: at, seconds } = training;
  return [
    synthetic && h("p", {}, "Trained on invented records: its figures say nothing about real ones."),
    facts([
      data && ["data", data],
      target && ["target", target],
      rows && ["rows", `${count(rows.fit)} to fit, ${count(rows.held_out)} held out`],
      at && ["trained", moment(at)],
      seconds && ["took", `${figure(seconds)} s`],
      ["made with", framework],
      ["records a slice", count(slice)],
      ["artefact, sha256", h("code", {}, `${sha256.slice(0, 16)}…`)],
    ]),
    Object.keys(left).length > 0 && table("Columns left out", ["left out", { name: "because", wide: true }], Object.entries(left), "wraps"),
    warnings.length > 0 &&
      h(
        "ul",
        {},
        warnings.map((text) => h("li", {}, text)),
      ),
  ];
}
