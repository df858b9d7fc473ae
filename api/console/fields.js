// A form made from a model's JSON Schema: one field for each feature, and the record that they hold.

import { h } from "./dom.js";
import { figure } from "./format.js";

const MISSING = "";

/** The fields of a schema; `record()` reads them, `fill()` sets them, `mark()` shows what is wrong where. */
export function fieldsOf(schema, example) {
  const fields = Object.entries(schema.properties).map(([name, rule], place) =>
    field(name, rule, example[name], `feature-${place}`),
  );
  const byName = new Map(fields.map((one) => [one.name, one]));
  return {
    element: h(
      "div",
      { class: "record" },
      fields.map((one) => one.element),
    ),
    record: () =>
      Object.fromEntries(fields.map((one) => [one.name, one.read()]).filter(([, value]) => value !== undefined)),
    fill: (record) => fields.forEach((one) => one.write(record[one.name])),
    mark: (errors) => marked(byName, errors),
  };
}

/** Shows each error at its field, and gives back those that belong to none. */
function marked(byName, errors) {
  for (const one of byName.values()) one.wrong("");
  const lost = errors.filter((error) => {
    const name = (error.pointer ?? "").slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
    byName.get(name)?.wrong(error.detail);
    return !byName.has(name);
  });
  [...byName.values()].find((one) => one.isWrong())?.focus();
  return lost;
}

function field(name, rule, example, id) {
  const kinds = [rule.type].flat();
  const nullable = kinds.includes("null");
  const input = control(rule, kinds[0], nullable, example);
  const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
  const beyond = h("p", { class: "hint", hidden: true }, "Beyond what the model has seen: the answer is a guess.");
  Object.entries({ id, "aria-describedby": `${id}-hint ${id}-error`, name }).forEach(([key, value]) =>
    input.setAttribute(key, value),
  );
  input.addEventListener("input", () => (beyond.hidden = !isBeyond(rule, input.value)));
  return {
    name,
    element: h(
      "div",
      { class: "field" },
      h("label", { for: id }, name, nullable ? h("span", { class: "quiet" }, " (may be missing)") : null),
      input,
      h("p", { class: "hint", id: `${id}-hint` }, hint(rule)),
      beyond,
      error,
    ),
    read: () => valueOf(input.value, kinds[0], nullable),
    write: (value) => {
      input.value = value === null || value === undefined ? MISSING : String(value);
      beyond.hidden = !isBeyond(rule, input.value);
    },
    wrong: (detail) => {
      error.textContent = detail;
      error.hidden = !detail;
      if (detail) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
    isWrong: () => !error.hidden,
    focus: () => input.focus(),
  };
}

function control(rule, kind, nullable, example) {
  const value = example === null || example === undefined ? MISSING : String(example);
  const choices =
    kind === "boolean"
      ? [
          ["true", "yes"],
          ["false", "no"],
        ]
      : rule.enum?.filter((one) => one !== null).map((one) => [one, one]);
  if (choices) {
    const none = nullable || value === MISSING ? [[MISSING, nullable ? "missing" : "choose one"]] : [];
    return h(
      "select",
      {},
      [...none, ...choices].map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
    );
  }
  if (kind === "number") return h("input", { inputmode: "text", autocomplete: "off", value });
  const isDay = !value.includes("T") && !value.includes(" ");
  return h("input", { type: isDay ? "date" : "text", autocomplete: "off", value });
}

/** What the API is to be told; what is no number is sent as it is, so that the API says what is wrong with it. */
function valueOf(text, kind, nullable) {
  if (text.trim() === MISSING) return nullable ? null : undefined;
  if (kind === "boolean") return text === "true";
  if (kind !== "number") return text;
  const number = Number(text); // with a comma it is none: here a thousand is meant by it, there a decimal
  return Number.isFinite(number) ? number : text;
}

function isBeyond(rule, text) {
  const [low, high] = rule["x-seen"] ?? [];
  if (low === undefined || text === "") return false;
  const value = typeof low === "number" ? Number(text) : text;
  return value < low || value > high;
}

/** The unit and the range in words. */
export function hint(rule) {
  const parts = [rule.description];
  if (rule.minimum !== undefined && rule.maximum !== undefined)
    parts.push(`${figure(rule.minimum)} to ${figure(rule.maximum)}`);
  else if (rule.minimum !== undefined) parts.push(`at least ${figure(rule.minimum)}`);
  else if (rule.maximum !== undefined) parts.push(`at most ${figure(rule.maximum)}`);
  if (rule["x-seen"]) parts.push(`seen ${rule["x-seen"].map(figure).join(" to ")}`);
  return parts.filter(Boolean).join("; ");
}
