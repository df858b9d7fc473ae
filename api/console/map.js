// A map of California with a point for each record, drawn on a canvas as the records come.

import { fill, h } from "./dom.js";
import { COLOURS, colours, ramp } from "./palette.js";
import { OUTLINE } from "./california.js";
import { count } from "./format.js";

const [WEST, EAST, SOUTH, NORTH] = [-124.7, -113.9, 32.3, 42.2];
const MIDDLE = Math.cos(((SOUTH + NORTH) / 2) * (Math.PI / 180));

export const hasPlaces = (names) => names.includes("longitude") && names.includes("latitude");

export class PlaceMap {
  #points = { x: [], y: [], colour: [] };
  #values = [];
  #context;
  #range = null;
  #labels = [];

  constructor({ isValue, write, signal }) {
    Object.assign(this, { isValue, write });
    this.canvas = h("canvas", { role: "img", "aria-label": "Map of California" });
    this.legend = h("div", { class: "legend" });
    this.text = h("p", { class: "quiet" });
    this.element = [h("div", { class: "map" }, this.canvas), this.legend, this.text];
    const watched = new ResizeObserver(() => this.#resize());
    watched.observe(this.canvas);
    signal.addEventListener("abort", () => watched.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#resize(), { signal });
  }

  /** Draws these records beside those that are there. */
  add(longitudes, latitudes, values) {
    if (!values.length) return;
    this.#range ??= this.isValue ? middleRange(values) : null;
    const from = this.#values.length;
    values.forEach((value, place) => {
      this.#points.x.push(Number(longitudes[place]));
      this.#points.y.push(Number(latitudes[place]));
      this.#points.colour.push(this.#colourOf(value));
      this.#values.push(value);
    });
    this.#draw(from);
  }

  /** Colours once more, now that all values are known, and says in words what can be seen. */
  finish() {
    if (this.isValue) this.#range = middleRange(this.#values);
    this.#points.colour = this.#values.map((value) => this.#colourOf(value));
    this.#resize();
    this.canvas.setAttribute(
      "aria-label",
      `Map of California with ${count(this.#values.length)} records. ${this.#words()}`,
    );
    this.text.textContent = this.#words();
    fill(this.legend, ...this.#key());
  }

  #colourOf(value) {
    if (this.isValue) {
      const [low, high] = this.#range;
      return Math.max(0, Math.min(COLOURS - 1, Math.floor(((value - low) / (high - low || 1)) * COLOURS)));
    }
    if (!this.#labels.includes(value)) this.#labels.push(value);
    return this.#labels.indexOf(value) % colours(false).length;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const scale = devicePixelRatio;
    Object.assign(this.canvas, { width: clientWidth * scale, height: clientHeight * scale });
    this.#context = this.canvas.getContext("2d");
    const fit = Math.min(this.canvas.width / ((EAST - WEST) * MIDDLE), this.canvas.height / (NORTH - SOUTH)) * 0.97;
    const left = (this.canvas.width - (EAST - WEST) * MIDDLE * fit) / 2;
    const top = (this.canvas.height - (NORTH - SOUTH) * fit) / 2;
    this.at = (longitude, latitude) => [left + (longitude - WEST) * MIDDLE * fit, top + (NORTH - latitude) * fit];
    this.#coast();
    this.#draw(0);
  }

  #coast() {
    const style = getComputedStyle(this.canvas);
    this.#context.beginPath();
    OUTLINE.forEach(([longitude, latitude]) => this.#context.lineTo(...this.at(longitude, latitude)));
    this.#context.closePath();
    this.#context.fillStyle = style.getPropertyValue("--surface");
    this.#context.strokeStyle = style.getPropertyValue("--line-strong");
    this.#context.lineWidth = devicePixelRatio;
    this.#context.fill();
    this.#context.stroke();
  }

  /** A colour at a time: setting it for each of 50,000 points takes longer than drawing them. */
  #draw(from) {
    if (!this.#context) return;
    const { x, y, colour } = this.#points;
    const size = (x.length > 5000 ? 2 : 3.5) * devicePixelRatio;
    this.#context.globalAlpha = 0.75;
    colours(this.isValue).forEach((name, number) => {
      this.#context.fillStyle = name;
      for (let place = from; place < x.length; place += 1) {
        if (colour[place] !== number) continue;
        const [left, top] = this.at(x[place], y[place]);
        this.#context.fillRect(left - size / 2, top - size / 2, size, size);
      }
    });
    this.#context.globalAlpha = 1;
  }

  #words() {
    const outside = this.#points.x.filter(
      (x, place) => x < WEST || x > EAST || this.#points.y[place] < SOUTH || this.#points.y[place] > NORTH,
    ).length;
    const off = outside ? ` ${count(outside)} lie beyond the map.` : "";
    if (!this.isValue) return `${this.#labels.length} labels.${off}`;
    const north = mean(this.#values.filter((_, place) => this.#points.y[place] > 37));
    const south = mean(this.#values.filter((_, place) => this.#points.y[place] <= 37));
    const brief = (value) => (Number.isNaN(value) ? "none" : this.write.brief(value));
    return `Mean ${this.write.what} north of 37° ${brief(north)}, south of it ${brief(south)}.${off}`;
  }

  #key() {
    if (this.isValue)
      return [
        h("span", {}, this.write.brief(this.#range[0]), " or less"),
        ramp(),
        h("span", {}, this.write.brief(this.#range[1]), " or more"),
      ];
    return this.#labels.slice(0, 12).map((label, number) => {
      const one = h("span", { class: "legend-key" }, label);
      one.style.setProperty("--colour", colours(false)[number % colours(false).length]);
      return one;
    });
  }
}

/** From where to where most of them lie, so that a few far out do not take all the colours. */
function middleRange(values) {
  const ordered = Float64Array.from(values).sort();
  return [0.02, 0.98].map((share) => ordered[Math.floor(share * (ordered.length - 1))]);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
