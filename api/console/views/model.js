// One model: its versions and aliases, and how good the chosen version is, on what it was trained and what it takes.

import { get, send } from "../api.js";
import { champion, state } from "../catalogue.js";
import { fill, h } from "../dom.js";
import { hint } from "../fields.js";
import { badge, heading, notice, panel, sure, table, trouble, when } from "../parts.js";
import { metricsOf, score, trainingOf } from "./metrics.js";
import { promote } from "./promote.js";

export async function show(page, { given: [model], query, signal, user, told }) {
  const { items: versions } = await get(`/models/${encodeURIComponent(model)}`, {}, signal);
  const chosen =
    versions.find((one) => String(one.version) === query.get("version")) ?? champion(versions) ?? versions[0];
  const news = h("div", {});
  fill(news, told);
  const again = async (words) => {
    await show(page, { given: [model], query, signal, user, told: words });
    page.querySelector("h1").focus();
  };
  const acts = user.is_admin
    ? { promote: await promote(model, versions, signal, again), change: changer(news, signal, again) }
    : null;
  const use =
    chosen.is_active &&
    !chosen.failure &&
    h("a", { class: "button", href: `#/predict/${encodeURIComponent(chosen.ref)}` }, `Score with ${chosen.ref}`);
  fill(
    page,
    heading(model, use),
    news,
    panel("Versions", versionTable(model, versions, chosen, acts)),
    chosen.failure && trouble(new Error(`${chosen.ref} cannot be served: ${chosen.failure}`)),
    h(
      "div",
      { class: "columns" },
      panel(`How good ${chosen.ref} is`, metricsOf(chosen)),
      panel("What it was made of", trainingOf(chosen)),
    ),
    await takes(chosen, signal),
  );
}

function versionTable(model, versions, chosen, acts) {
  const now = champion(versions)?.version ?? 0;
  const columns = [
    "Version",
    "Aliases",
    "State",
    "How good",
    "Registered",
    ...(acts ? [{ name: "Administration", right: true }] : []),
  ];
  const row = (version) => [
    h(
      "a",
      { href: `#/models/${model}?version=${version.version}`, "aria-current": version === chosen ? "true" : null },
      version.ref,
    ),
    version.aliases.map((alias) => badge(alias, "alias")),
    badge(...state(version)),
    score(version.metrics),
    when(version.created_at),
    ...(acts ? [buttons(version, now, acts)] : []),
  ];
  return table(`Versions of ${model}`, columns, versions.map(row), "versions");
}

function buttons(version, now, { promote: move, change }) {
  const verb = version.version < now ? "Go back to it" : "Promote";
  const off = version.is_active && !version.aliases.length;
  const button = (name, call) =>
    h("button", { type: "button", class: "small", "aria-label": `${name}: ${version.ref}`, onclick: call }, name);
  return h(
    "div",
    { class: "actions at-end" },
    !version.aliases.includes("champion") &&
      version.is_active &&
      !version.failure &&
      button(verb, () => move(version, verb)),
    off && button("Switch off", () => change(version, false)),
    (!version.is_active || version.failure) &&
      button(version.failure ? "Check again" : "Switch on", () => change(version, true)),
  );
}

function changer(news, signal, again) {
  return async (version, isActive) => {
    if (
      !isActive &&
      !(await sure(
        `Switch ${version.ref} off?`,
        "Nobody can name it then. Jobs that it has accepted are scored all the same.",
        "Switch off",
      ))
    )
      return;
    try {
      await send("PATCH", `/models/${version.model}/versions/${version.version}`, {
        json: { is_active: isActive },
        signal,
      });
      await again(notice(`${version.ref} is ${isActive ? "on" : "off"}.`));
    } catch (error) {
      if (!signal.aborted) fill(news, trouble(error));
    }
  };
}

async function takes(version, signal) {
  if (!version.is_active || version.failure) return null;
  const schema = await get(`/models/${encodeURIComponent(version.ref)}/schema`, {}, signal);
  const needed = new Set(schema.required);
  const rows = Object.entries(schema.properties).map(([name, rule]) => [
    h("code", {}, name),
    rule.enum
      ? rule.enum
          .filter((one) => one !== null)
          .slice(0, 12)
          .join(", ")
      : [rule.type].flat()[0] === "string"
        ? "date"
        : [rule.type].flat()[0],
    needed.has(name) ? "yes" : "may be missing",
    hint(rule),
  ]);
  return panel("What it takes", table("Inputs", ["Input", "Type", "Needed", { name: "Unit and range", wide: true }], rows, "wraps"));
}
