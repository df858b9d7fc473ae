// Charts as drawings: each with a text for who cannot see it.

import { h, s } from "./dom.js";

const WIDTH = 640;
const FLOOR = 150;

/** Counts of numbers in bins of the same width between the lowest and the highest. */
export function binned(values, bins = 40) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))] += 1;
  return { low, high, counts };
}

/** The same from quantiles: how much of the whole lies in each bin. */
export function fromQuantiles(quantiles, bins = 40) {
  const low = quantiles[0];
  const high = quantiles.at(-1);
  const edges = Array.from({ length: bins + 1 }, (_, place) => rank(quantiles, low + ((high - low) * place) / bins));
  return { low, high, counts: edges.slice(1).map((edge, place) => edge - edges[place]) };
}

/** Which share of the whole lies below this value. */
export function rank(quantiles, value) {
  const steps = quantiles.length - 1;
  if (value >= quantiles[steps]) return 1;
  const above = quantiles.findIndex((one) => one > value);
  if (above <= 0) return 0;
  const [from, to] = [quantiles[above - 1], quantiles[above]];
  return (above - 1 + (to > from ? (value - from) / (to - from) : 0)) / steps;
}

/** Bars of counts along a range; `marker` is {value, low, high} to be pointed at. */
export function histogram({ low, high, counts }, { format, label, marker }) {
  const [from, to] = marker
    ? [Math.min(low, marker.low ?? marker.value), Math.max(high, marker.high ?? marker.value)]
    : [low, high];
  const x = (value) => ((value - from) / (to - from || 1)) * WIDTH;
  const most = Math.max(...counts, Number.MIN_VALUE);
  const width = x(low + (high - low) / counts.length) - x(low);
  const bars = counts.map((count, place) => {
    const tall = (count / most) * (FLOOR - 14);
    return s("rect", {
      class: "bar",
      x: x(low) + place * width + 0.75,
      y: FLOOR - tall,
      width: Math.max(width - 1.5, 1),
      height: tall,
      rx: 1.5,
    });
  });
  return drawing(
    label,
    [marker && interval(marker, x), bars, marker && pointer(marker, x)],
    [from, (from + to) / 2, to].map(format),
  );
}

/** What a value may be, behind the bars; and the value, before them. */
function interval({ value, low = value, high = value }, x) {
  return s("rect", { class: "span", x: x(low), y: 6, width: Math.max(x(high) - x(low), 2), height: FLOOR - 6, rx: 3 });
}

function pointer({ value }, x) {
  const line = s("line", { class: "marker", x1: x(value), x2: x(value), y1: 6, y2: FLOOR });
  return [line, s("circle", { class: "marker-head", cx: x(value), cy: 6, r: 5 })];
}

/** The drawing with what stands below it from left to right; as text, so that it stays as large on narrow screens. */
function drawing(label, parts, below) {
  const floor = s("line", { class: "axis", x1: 0, x2: WIDTH, y1: FLOOR, y2: FLOOR });
  return h(
    "figure",
    { class: "chart" },
    s("svg", { viewBox: `0 0 ${WIDTH} ${FLOOR + 1}`, role: "img", "aria-label": label }, parts, floor),
    h(
      "figcaption",
      { class: "ticks", "aria-hidden": "true" },
      below.map((text) => h("span", {}, text)),
    ),
  );
}

/** Named shares or counts as bars beside each other's names, the largest first. */
export function bars(pairs, format, label) {
  const most = Math.max(...pairs.map(([, value]) => value), Number.MIN_VALUE);
  const rows = pairs.map(([name, value]) => {
    const bar = h("span", { class: "share-bar" });
    bar.style.setProperty("--share", value / most);
    return h(
      "li",
      {},
      h("span", { class: "share-name" }, name),
      bar,
      h("span", { class: "share-value" }, format(value)),
    );
  });
  return h("ul", { class: "shares", "aria-label": label }, rows);
}

/** A line over the last `seconds`, from points [seconds ago, value]. */
export function line(points, seconds, format, label) {
  const most = Math.max(...points.map(([, value]) => value), 0);
  const x = (age) => WIDTH - (age / seconds) * WIDTH;
  const y = (value) => FLOOR - (value / (most || 1)) * (FLOOR - 22);
  const path = points
    .map(([age, value], place) => `${place ? "L" : "M"}${x(age).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const ends = points.length ? `L${x(points.at(-1)[0])} ${FLOOR}L${x(points[0][0])} ${FLOOR}Z` : "";
  const lines = [s("path", { class: "under", d: path + ends }), s("path", { class: "line", d: path })];
  return drawing(label, lines, [`${seconds / 60} min ago`, `at the most ${format(most)}`, "now"]);
}
