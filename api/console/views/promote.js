// Moving an alias: only from where this page saw it, so that two administrators do not undo each other unseen.

import { get, send } from "../api.js";
import { h } from "../dom.js";
import { notice, trouble } from "../parts.js";

const MOVED = 412;

/** A function that asks which alias is to mean a version, and moves it. */
export async function promote(model, versions, signal, again) {
  const seen = await pointers(model, versions, signal);
  return async (version, verb) => {
    const alias = await ask(version, verb, seen);
    if (!alias) return;
    const before = seen.get(alias);
    const headers = before ? { "If-Match": before.etag } : { "If-None-Match": "*" };
    try {
      await send("PUT", `/models/${model}/aliases/${alias}`, { json: { version: version.version }, headers, signal });
      await again(
        notice(
          `${model}@${alias} is ${version.ref} from the next request on. `,
          before && back({ model, alias, before, signal, again }),
        ),
      );
    } catch (error) {
      if (!signal.aborted)
        await again(trouble(error.status === MOVED ? new Error(await conflict(model, alias, signal)) : error));
    }
  };
}

async function pointers(model, versions, signal) {
  const names = versions.flatMap((version) => version.aliases);
  const found = await Promise.all(names.map((name) => pointer(model, name, signal)));
  return new Map(found.map((one) => [one.alias, one]));
}

async function pointer(model, alias, signal) {
  const answer = await send("GET", `/models/${model}/aliases/${alias}`, { signal });
  return { ...(await answer.json()), etag: answer.headers.get("ETag") };
}

async function conflict(model, alias, signal) {
  const now = await pointer(model, alias, signal);
  return `Somebody moved ${model}@${alias} meanwhile: it is ${now.ref} now. Nothing was changed; look, and move it again if you still want to.`;
}

function back({ model, alias, before, signal, again }) {
  const undo = async () => {
    const { etag } = await pointer(model, alias, signal);
    await send("PUT", `/models/${model}/aliases/${alias}`, {
      json: { version: before.version },
      headers: { "If-Match": etag },
      signal,
    });
    await again(notice(`${model}@${alias} is ${before.ref} again.`));
  };
  return h(
    "button",
    { type: "button", class: "small", onclick: () => undo().catch((error) => again(trouble(error))) },
    `Go back to ${before.ref}`,
  );
}

/** The alias that was named; nothing if it was not meant. */
function ask(version, verb, seen) {
  return new Promise((resolve) => {
    const name = h("input", {
      id: "alias",
      value: "champion",
      list: "aliases",
      pattern: "[a-z0-9][a-z0-9_\\-]*",
      required: true,
    });
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": "promote",
        onclose: () => (dialog.remove(), resolve(dialog.returnValue === "yes" ? name.value.trim() : "")),
      },
      h("h2", { id: "promote" }, `${verb}: ${version.ref}`),
      h(
        "p",
        {},
        "The next request that names the alias is scored by this version. Jobs that were accepted keep theirs.",
      ),
      h(
        "form",
        { class: "stack", onsubmit: (event) => (event.preventDefault(), dialog.close("yes")) },
        h(
          "div",
          { class: "field" },
          h("label", { for: "alias" }, "Alias"),
          name,
          h(
            "datalist",
            { id: "aliases" },
            [...seen.keys()].map((value) => h("option", { value })),
          ),
        ),
        h(
          "div",
          { class: "actions" },
          h("button", { class: "primary" }, "Move the alias"),
          h("button", { type: "button", onclick: () => dialog.close("no") }, "Not now"),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
