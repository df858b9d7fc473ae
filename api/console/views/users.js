// Who may use the service; for administrators.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { badge, heading, panel, table, trouble, when } from "../parts.js";

const PAGE = 50;

export async function show(page, { query, signal }) {
  const { items, next } = await get("/users", { limit: PAGE, after: query.get("after") ?? "" }, signal);
  const rows = items.map((user) => [
    h("a", { href: `#/users/${user.id}` }, user.username),
    user.email,
    user.is_admin ? badge("administrator", "alias") : "",
    user.is_active ? badge("active", "good") : badge("closed", "bad"),
    when(user.created_at),
  ]);
  const more = next && h("a", { class: "button", href: `#/users?after=${next}` }, "More");
  fill(
    page,
    heading("Users"),
    panel("", table("Users", ["User", "Email", "Role", "State", "Since"], rows), more),
    creation(signal),
  );
}

function creation(signal) {
  const wrong = h("div", {});
  const field = (name, label, type, hint) =>
    h(
      "div",
      { class: "field" },
      h("label", { for: name }, label),
      h("input", { id: name, name, type, autocomplete: "off", "aria-describedby": `${name}-hint` }),
      h("p", { class: "hint", id: `${name}-hint` }, hint),
    );
  const create = async (event) => {
    event.preventDefault();
    const { email, username, admin } = event.target.elements;
    for (const one of [email, username]) one.removeAttribute("aria-invalid");
    try {
      const answer = await send("POST", "/users", {
        json: { email: email.value, username: username.value, is_admin: admin.checked },
        signal,
      });
      location.hash = `#/users/${(await answer.json()).id}`;
    } catch (error) {
      for (const one of error.errors ?? [])
        event.target.elements[(one.pointer ?? "").slice(1)]?.setAttribute("aria-invalid", "true");
      if (!signal.aborted) fill(wrong, trouble(error));
      event.target.querySelector("[aria-invalid]")?.focus();
    }
  };
  return panel(
    "A new user",
    h(
      "form",
      { class: "stack", onsubmit: create, novalidate: true },
      h(
        "div",
        { class: "record" },
        field("username", "Username", "text", "letters, digits, points, - and _"),
        field("email", "Email", "email", "nothing is sent to it"),
      ),
      h(
        "div",
        { class: "check" },
        h("input", { type: "checkbox", id: "admin", name: "admin" }),
        h("label", { for: "admin" }, "Administrator: may manage users, keys and models"),
      ),
      wrong,
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the user")),
    ),
  );
}
