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
  const create = async (event) => {
    event.preventDefault();
    const form = event.target;
    await made(form.elements, signal).catch((error) => signal.aborted || refused(form, wrong, error));
  };
  const fields = [
    field("username", "text", "letters, digits, points, - and _"),
    field("email", "email", "nothing is sent to it"),
  ];
  const admin = h("input", { type: "checkbox", id: "admin", name: "admin" });
  const role = h("label", { for: "admin" }, "Administrator: may manage users, keys and models");
  const button = h("div", { class: "actions" }, h("button", { class: "primary" }, "Make the user"));
  const parts = [h("div", { class: "record" }, fields), h("div", { class: "check" }, admin, role), wrong, button];
  return panel("A new user", h("form", { class: "stack", onsubmit: create, novalidate: true }, parts));
}

function field(name, type, hint) {
  const label = name[0].toUpperCase() + name.slice(1);
  const input = h("input", { id: name, name, type, autocomplete: "off", "aria-describedby": `${name}-hint` });
  const said = h("p", { class: "hint", id: `${name}-hint` }, hint);
  return h("div", { class: "field" }, h("label", { for: name }, label), input, said);
}

async function made({ email, username, admin }, signal) {
  const json = { email: email.value, username: username.value, is_admin: admin.checked };
  const user = await (await send("POST", "/users", { json, signal })).json();
  location.hash = `#/users/${user.id}`;
}

function refused(form, wrong, error) {
  const names = (error.errors ?? []).map((one) => (one.pointer ?? "").slice(1));
  for (const name of ["username", "email"]) {
    if (names.includes(name)) form.elements[name].setAttribute("aria-invalid", "true");
    else form.elements[name].removeAttribute("aria-invalid");
  }
  fill(wrong, trouble(error));
  form.querySelector("[aria-invalid]")?.focus();
}
