// Pieces that several views are made of.

import { fill, h, tell } from "./dom.js";
import { moment, since } from "./format.js";

const FINISHED = new Set(["succeeded", "failed", "canceled", "expired"]);
export const STATUSES = ["pending", "running", ...FINISHED];

export const isFinished = (job) => FINISHED.has(job.status);

/** Features of which records lie beyond what the model has seen, each with how many. */
export const outside = (warnings) => Object.entries(warnings.outside_training_range ?? {});

/** The heading of a view, which is also the title of the page and what the keyboard is at after a change of view. */
export function heading(text, ...beside) {
  document.title = `${text} · Scoreline`;
  return h(
    "div",
    { class: "heading" },
    h("h1", { tabindex: "-1" }, text),
    beside.length ? h("div", { class: "actions" }, beside) : null,
  );
}

export function panel(title, ...children) {
  return h("section", { class: "panel" }, title ? h("h2", {}, title) : null, children);
}

export function badge(text, kind = text) {
  return h("span", { class: `badge is-${kind}` }, text);
}

/** Says what is empty and what to do about it. */
export function empty(title, ...hint) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", {}, hint));
}

/** What went wrong, in the words of the API. */
export function trouble(error, again) {
  const more = error.errors?.filter((one) => one.detail && one.detail !== error.message).slice(0, 5) ?? [];
  return h(
    "div",
    { class: "trouble", role: "alert" },
    h("p", {}, error.message || "Something went wrong."),
    more.length
      ? h(
          "ul",
          {},
          more.map((one) => h("li", {}, one.detail)),
        )
      : null,
    error.requestId && !(error.status < 500) ? h("p", { class: "quiet" }, `Request ${error.requestId}`) : null,
    again ? h("button", { type: "button", onclick: again }, "Try again") : null,
  );
}

export function notice(...children) {
  return h("div", { class: "notice", role: "status" }, children);
}

/** A time as people say it, and to the second for who points at it. */
export function when(iso) {
  return iso ? h("time", { datetime: iso, title: moment(iso) }, since(iso)) : h("span", { class: "quiet" }, "not yet");
}

/** A table that scrolls by itself where the page is narrow. `columns`: name, or {name, right}. */
export function table(caption, columns, rows, kind = "") {
  const heads = columns.map((column) =>
    h("th", { scope: "col", class: classOf(column) }, column.name ?? column),
  );
  const cells = (row) => row.map((cell, place) => h("td", { class: classOf(columns[place]) }, cell));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: kind },
      h("thead", {}, h("tr", {}, heads)),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, cells(row))),
      ),
    ),
  );
}

/** Figures stand at the right; what is long gets room, and what is said elsewhere, too, goes where there is none. */
function classOf(column) {
  return ["right", "wide", "spare"].filter((name) => column?.[name]).join(" ") || null;
}

/** Names and what belongs to them. */
export function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, ...value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

/** Text to be taken along, with a button that does it. */
export function snippet(name, text) {
  const button = h("button", { type: "button", class: "small", onclick: () => copied(button, text) }, "Copy");
  const code = h("pre", { tabindex: "0", "aria-label": name }, h("code", {}, text));
  return h("div", { class: "snippet" }, h("div", { class: "snippet-head" }, h("span", {}, name), button), code);
}

async function copied(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    fill(button, "Copied");
    tell("Copied");
  } catch {
    fill(button, "Select it and copy by hand");
  }
  setTimeout(() => fill(button, "Copy"), 2000);
}

/** Asks before something that cannot be taken back; resolves to whether it was meant. */
export async function sure(question, explanation, verb) {
  return (await ask(question, explanation, verb)) !== null;
}

/** Asks in a dialog; resolves to the value of `input`, to nothing without one, and to null if it was not meant. */
export function ask(question, explanation, verb, field = null, input = null) {
  const id = "question";
  return new Promise((resolve) => {
    const closed = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? input?.value.trim() : null);
    };
    const meant = (event) => {
      event.preventDefault();
      dialog.close("yes");
    };
    const no = h("button", { type: "button", onclick: () => dialog.close("no") }, "Not now");
    const buttons = h("div", { class: "actions" }, h("button", { class: "primary" }, verb), no);
    const form = h("form", { class: "stack", onsubmit: meant }, h("p", {}, explanation), field, buttons);
    const dialog = h("dialog", { "aria-labelledby": id, onclose: closed }, h("h2", { id }, question), form);
    document.body.append(dialog);
    dialog.showModal();
  });
}
