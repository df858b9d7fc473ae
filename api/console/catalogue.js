// The models as the API tells of them, grouped and ordered for people.

import { get } from "./api.js";
import { h } from "./dom.js";
import { empty } from "./parts.js";

const CHAMPION = "champion";

/** All versions by their model, each model's newest first. */
export async function catalogue(signal) {
  const { items } = await get("/models", {}, signal);
  const models = new Map();
  for (const version of items) models.set(version.model, [...(models.get(version.model) ?? []), version]);
  return models;
}

export const champion = (versions) => versions.find((version) => version.aliases.includes(CHAMPION));

/** Every name under which something is served: [ref, what to show, version]. */
export function references(models) {
  const found = [];
  for (const [model, versions] of models) {
    const served = versions.filter((version) => version.is_active && !version.failure);
    for (const version of served) {
      for (const alias of version.aliases) {
        const ref = alias === CHAMPION ? model : `${model}@${alias}`;
        found.push([ref, `${ref} (${alias === CHAMPION ? "champion, " : ""}now version ${version.version})`, version]);
      }
    }
    for (const version of served) found.push([version.ref, version.ref, version]);
  }
  return found.sort(([, , a], [, , b]) => (a.model === "housing" ? -1 : 0) - (b.model === "housing" ? -1 : 0));
}

/** A choice among them; `chosen` is called with the reference. */
export function chooser(found, ref, chosen) {
  const options = found.map(([name, text]) => h("option", { value: name, selected: name === ref }, text));
  return h(
    "div",
    { class: "field" },
    h("label", { for: "model" }, "Model"),
    h("select", { id: "model", onchange: (event) => chosen(event.target.value) }, options),
  );
}

export function noModel() {
  return empty("There is no model yet", "Run ", h("code", {}, "scoreline train housing"), ", and come back.");
}

export function state(version) {
  if (version.failure) return ["failed", "bad"];
  if (!version.is_active) return ["off", "off"];
  if (!version.checked_at) return ["not checked yet", "pending"];
  return version.aliases.length ? ["serving", "good"] : ["ready", "ready"];
}
