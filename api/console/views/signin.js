// Signing in with a key.

import { send } from "../api.js";
import { fill, h } from "../dom.js";
import { heading, trouble } from "../parts.js";
import { keep, session } from "../session.js";

const UNKNOWN = "No key like this opens the service. Was all of it copied: sk_, eight characters, _ and 43 more?";

export function show(page, { again }) {
  const { reason } = session;
  session.reason = "";
  const wrong = h("div", { id: "key-error" }, reason ? h("div", { class: "trouble", role: "alert" }, reason) : null);
  const key = h("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    placeholder: "sk_",
    "aria-describedby": "key-hint key-error",
  });
  const enter = async (event) => {
    event.preventDefault();
    const secret = key.value.trim();
    try {
      const answer = await send("GET", "/users/me", { headers: { Authorization: `Bearer ${secret}` } });
      session.user = await answer.json();
      keep(secret);
      again();
    } catch (error) {
      fill(wrong, trouble(error.status === 401 ? new Error(UNKNOWN) : error));
      key.setAttribute("aria-invalid", "true");
      key.focus();
    }
  };
  fill(
    page,
    h(
      "div",
      { class: "door" },
      heading("Sign in"),
      h("p", {}, "Scoreline scores records with your models, and never loses one that it accepted."),
      h(
        "form",
        { onsubmit: enter },
        h("label", { for: "key" }, "Your key"),
        key,
        h("p", { class: "hint", id: "key-hint" }, "It stays in this tab and is forgotten when the tab is closed."),
        wrong,
        h("button", { class: "primary" }, "Sign in"),
      ),
      h(
        "details",
        {},
        h("summary", {}, "Where is my key?"),
        h(
          "p",
          {},
          h("code", {}, "scoreline up"),
          " leaves the first one in ",
          h("code", {}, ".scoreline/local.env"),
          " as ",
          h("code", {}, "SCORELINE_API_KEY"),
          ". ",
          h("code", {}, "scoreline console"),
          " opens this page signed in.",
        ),
        h(
          "p",
          {},
          "In containers it is in ",
          h("code", {}, ".env"),
          ". Otherwise an administrator makes one for you, on the page Users.",
        ),
      ),
    ),
  );
}
