// Colours for values and for labels, which people who see few colours can tell apart.

import { h } from "./dom.js";

export const COLOURS = 24;
// From low to high, dark to light as perceived; on a light ground the lightest part is left out, on a dark one the darkest.
const STOPS = [
  [52, 24, 92],
  [62, 74, 137],
  [38, 130, 142],
  [53, 183, 121],
  [170, 220, 50],
  [253, 231, 37],
];
const LABELS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#8a6d3b",
  "#7f7f7f",
  "#b2182b",
  "#5e4fa2",
];

/** The colours to be drawn with, in their order. */
export function colours(isValue) {
  if (!isValue) return LABELS;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [from, to] = isDark ? [0.22, 1] : [0, 0.9];
  return Array.from({ length: COLOURS }, (_, number) => blend(from + ((to - from) * number) / (COLOURS - 1)));
}

function blend(share) {
  const at = share * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  const mixed = STOPS[low].map((part, band) => Math.round(part + (STOPS[low + 1][band] - part) * (at - low)));
  return `rgb(${mixed.join(" ")})`;
}

/** The colours of values from low to high, as a strip. */
export function ramp() {
  const strip = h("canvas", { width: COLOURS, height: 1, "aria-hidden": "true" });
  const context = strip.getContext("2d");
  colours(true).forEach((colour, number) => {
    context.fillStyle = colour;
    context.fillRect(number, 0, 1, 1);
  });
  return strip;
}
