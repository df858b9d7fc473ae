// Moving an alias: only from where this page saw it, so that two administrators do not undo each other unseen.

import { get, send } from "../api.js";
import { h } from "../dom.js";
import { ask, notice, trouble } from "../parts.js";

const MOVED = 412;

/** A function that asks which alias is to mean a version, and moves it. */
export async function promote(model, versions, signal, again) {
  const seen = await pointers(model, versions, signal);
  return async (version, verb) => {
    const alias = await wanted(version, verb, seen);
    if (!alias) return;
    const before = seen.get(alias);
    const headers = before ? { "If-Match": before.etag } : { "If-None-Match": "*" };
    try {
      await send("PUT", `/models/${model}/aliases/${encodeURIComponent(alias)}`, {
        json: { version: version.version },
        headers,
        signal,
      });
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
  const answer = await send("GET", `/models/${model}/aliases/${encodeURIComponent(alias)}`, { signal });
  return { ...(await answer.json()), etag: answer.headers.get("ETag") };
}

async function conflict(model, alias, signal) {
  const now = await pointer(model, alias, signal);
  return `Somebody moved ${model}@${alias} meanwhile: it is ${now.ref} now. Nothing was changed; look, and move it again if you still want to.`;
}

function back({ model, alias, before, signal, again }) {
  const undo = async () => {
    const { etag } = await pointer(model, alias, signal);
    await send("PUT", `/models/${model}/aliases/${encodeURIComponent(alias)}`, {
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
function wanted(version, verb, seen) {
  const about = "The next request that names the alias is scored by this version. Jobs that were accepted keep theirs.";
  const known = h(
    "datalist",
    { id: "aliases" },
    [...seen.keys()].map((value) => h("option", { value })),
  );
  const input = h("input", { id: "alias", value: "champion", list: "aliases", required: true });
  const field = h("div", { class: "field" }, h("label", { for: "alias" }, "Alias"), input, known);
  return ask(`${verb}: ${version.ref}`, about, "Move the alias", field, input);
}
