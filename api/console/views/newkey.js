// Making a key, which is shown this once.

import { send } from "../api.js";
import { fill, h } from "../dom.js";
import { panel, snippet, trouble } from "../parts.js";

export function newKey(id, signal, again) {
  const name = h("input", { id: "key-name", autocomplete: "off", placeholder: "laptop", maxlength: "100" });
  const wrong = h("div", {});
  const make = async (event) => {
    event.preventDefault();
    try {
      const answer = await send("POST", `/users/${id}/keys`, { json: { name: name.value }, signal });
      await again(shown(await answer.json()));
    } catch (error) {
      if (!signal.aborted) fill(wrong, trouble(error));
    }
  };
  return panel(
    "A new key",
    h(
      "form",
      { class: "stack", onsubmit: make },
      h(
        "div",
        { class: "filters" },
        h("div", { class: "field" }, h("label", { for: "key-name" }, "Where it is used"), name),
        h("button", { class: "primary" }, "Make the key"),
      ),
      wrong,
    ),
  );
}

function shown(made) {
  return h(
    "div",
    { class: "notice", role: "status" },
    h(
      "p",
      {},
      h("strong", {}, `The key ${made.name}.`),
      " Copy it now: it is not kept anywhere and never shown again.",
    ),
    snippet(made.name, made.key),
  );
}
