// A map of California with a point for each record, drawn on a canvas as the records come.

import { fill, h, painted } from "./dom.js";
import { COLOURS, colours, ramp } from "./palette.js";
import { OUTLINE } from "./california.js";
import { count } from "./format.js";

const [WEST, EAST, SOUTH, NORTH] = [-124.7, -113.9, 32.3, 42.2];
const MANY = 5000; // points, which are drawn smaller then
const AT_ONCE = 10_000;
const MIDDLE = Math.cos(((SOUTH + NORTH) / 2) * (Math.PI / 180));

export const hasPlaces = (names) => names.includes("longitude") && names.includes("latitude");

export class PlaceMap {
  #points = { x: [], y: [], colour: [] };
  #values = [];
  #context;
  #range = null;
  #labels = [];
  #left;
  #top;

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
  async finish() {
    if (this.isValue) this.#range = middleRange(this.#values);
    this.#points.colour = this.#values.map((value) => this.#colourOf(value));
    this.#frame();
    for (let from = 0; from < this.#values.length; from += AT_ONCE) {
      this.#draw(from, from + AT_ONCE);
      await painted();
    }
    const words = this.#words();
    this.canvas.setAttribute("aria-label", `Map of California with ${count(this.#values.length)} records. ${words}`);
    this.text.textContent = words;
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
    this.#frame();
    this.#draw(0);
  }

  /** An empty map of the size that there is. */
  #frame() {
    const { clientWidth, clientHeight } = this.canvas;
    const [width, height] = [clientWidth * devicePixelRatio, clientHeight * devicePixelRatio];
    Object.assign(this.canvas, { width, height });
    this.#context = this.canvas.getContext("2d");
    const tall = Math.min(width / ((EAST - WEST) * MIDDLE), height / (NORTH - SOUTH)) * 0.97;
    const wide = tall * MIDDLE;
    this.#left = (longitude) => (width - (EAST - WEST) * wide) / 2 + (longitude - WEST) * wide;
    this.#top = (latitude) => (height - (NORTH - SOUTH) * tall) / 2 + (NORTH - latitude) * tall;
    this.#coast();
  }

  #coast() {
    const style = getComputedStyle(this.canvas);
    this.#context.beginPath();
    OUTLINE.forEach(([longitude, latitude]) => this.#context.lineTo(this.#left(longitude), this.#top(latitude)));
    this.#context.closePath();
    this.#context.fillStyle = style.getPropertyValue("--surface");
    this.#context.strokeStyle = style.getPropertyValue("--line-strong");
    this.#context.lineWidth = devicePixelRatio;
    this.#context.fill();
    this.#context.stroke();
  }

  /** A colour at a time: setting it for each of 50,000 points takes longer than drawing them. */
  #draw(from, to = Infinity) {
    if (!this.#context) return;
    const { x, y, colour } = this.#points;
    const size = Math.round((x.length > MANY ? 2 : 3.5) * devicePixelRatio);
    const piles = colours(this.isValue).map(() => []);
    for (let place = from; place < Math.min(to, x.length); place += 1) piles[colour[place]].push(place);
    this.#context.globalAlpha = 0.75;
    colours(this.isValue).forEach((name, number) => {
      this.#context.fillStyle = name;
      for (const place of piles[number]) {
        this.#context.fillRect(
          Math.round(this.#left(x[place]) - size / 2),
          Math.round(this.#top(y[place]) - size / 2),
          size,
          size,
        );
      }
    });
    this.#context.globalAlpha = 1;
  }

  /** How many lie beyond the map. */
  #beyond() {
    const isOn = (x, y) => x >= WEST && x <= EAST && y >= SOUTH && y <= NORTH;
    return this.#points.x.filter((x, place) => !isOn(x, this.#points.y[place])).length;
  }

  /** Whether it is not California that these records are about. */
  get isElsewhere() {
    return this.#beyond() > this.#values.length / 2;
  }

  #words() {
    const beyond = this.#beyond();
    const off = beyond ? ` ${count(beyond)} lie beyond the map.` : "";
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
