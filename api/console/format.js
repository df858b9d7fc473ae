// Numbers, times and names as the reader writes them.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const fewDollars = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  notation: "compact",
  maximumFractionDigits: 1,
});
const shares = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const qualities = new Intl.NumberFormat(undefined, {
  maximumFractionDigits: 3,
  minimumFractionDigits: 3,
  signDisplay: "negative",
});
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export const count = (number) => whole.format(number);
export const short = (number) => compact.format(number);
export const percent = (share) => shares.format(share);
export const moment = (iso) => (iso ? moments.format(new Date(iso)) : "");

export function figure(value) {
  if (typeof value !== "number") return String(value ?? "");
  return Math.abs(value) >= 1000 ? whole.format(value) : exact.format(value);
}

/** A figure of quality: three digits behind the point are enough below a thousand. */
export const quality = (value) => (Math.abs(value) >= 1000 ? whole : qualities).format(value);

/** How outputs of this version are written: the census counts in dollars, others in what they count. */
export function amounts(version) {
  const inDollars = version?.training?.target === "median_house_value";
  return inDollars
    ? { full: (value) => dollars.format(value), brief: (value) => fewDollars.format(value), what: "price" }
    : {
        full: figure,
        brief: (value) => (Math.abs(value) >= 10_000 ? compact.format(value) : figure(value)),
        what: "value",
      };
}

/** under 0.1 s, 4.2 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 0.05) return "under 0.1 s";
  if (seconds < 60) return `${exact.format(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function milliseconds(number) {
  return number < 1000 ? `${whole.format(number)} ms` : duration(number / 1000);
}

/** The milliseconds between two moments of the API. */
export function between(begin, end) {
  return begin && end ? new Date(end) - new Date(begin) : null;
}

/** 3 minutes ago. */
export function since(iso) {
  if (!iso) return "";
  const seconds = (new Date(iso) - Date.now()) / 1000;
  for (const [unit, size] of [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ]) {
    if (Math.abs(seconds) >= size) return ago.format(Math.round(seconds / size), unit);
  }
  return ago.format(Math.min(0, Math.round(seconds)), "second");
}

export function bytes(number) {
  const units = ["B", "KB", "MB", "GB"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(number, 1)) / 3));
  return `${exact.format(Math.round((number / 1000 ** power) * 10) / 10)} ${units[power]}`;
}

/** One record, two records. */
export function many(number, one, others = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : others}`;
}
