// Signing in with a key.

import { send } from "../api.js";
import { fill, h } from "../dom.js";
import { heading, trouble } from "../parts.js";
import { keep, session } from "../session.js";

const UNKNOWN = "No key like this opens the service. Was all of it copied: sk_, eight characters, _ and 43 more?";

export function show(page, { again }) {
  const about = h("p", {}, "Scoreline scores records with your models, and never loses one that it accepted.");
  fill(page, h("div", { class: "door" }, heading("Sign in"), about, form(reason(), again), help()));
}

/** Why the last session ended, if somebody else ended it; said once. */
function reason() {
  const said = session.reason;
  session.reason = "";
  return said && h("div", { class: "trouble", role: "alert" }, said);
}

function form(said, again) {
  const wrong = h("div", { id: "key-error" }, said);
  const key = h("input", { id: "key", type: "password", autocomplete: "off", required: true, placeholder: "sk_" });
  key.setAttribute("aria-describedby", "key-hint key-error");
  const enter = async (event) => {
    event.preventDefault();
    try {
      await signIn(key.value.trim());
      again();
    } catch (error) {
      fill(wrong, trouble(error.status === 401 ? new Error(UNKNOWN) : error));
      key.setAttribute("aria-invalid", "true");
      key.focus();
    }
  };
  const hint = h("p", { class: "hint", id: "key-hint" }, "It is forgotten when this tab is closed.");
  const label = h("label", { for: "key" }, "Your key");
  return h("form", { onsubmit: enter }, label, key, hint, wrong, h("button", { class: "primary" }, "Sign in"));
}

/** Asks with this key before it is kept: one that opens nothing is not. */
async function signIn(secret) {
  const answer = await send("GET", "/users/me", { headers: { Authorization: `Bearer ${secret}` } });
  session.user = await answer.json();
  keep(secret);
}

function help() {
  const code = (text) => h("code", {}, text);
  const local = ["leaves the first one in ", code(".scoreline/local.env"), " as ", code("SCORELINE_API_KEY"), ". "];
  return h(
    "details",
    {},
    h("summary", {}, "Where is my key?"),
    h("p", {}, code("scoreline up"), " ", local, code("scoreline console"), " opens this page signed in."),
    h("p", {}, "In containers it is in ", code(".env"), ". Otherwise an administrator makes one for you, under Users."),
  );
}
