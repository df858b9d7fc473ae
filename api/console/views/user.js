// One user, and the keys of that user.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { moment } from "../format.js";
import { badge, empty, facts, heading, notice, panel, sure, table, trouble, when } from "../parts.js";
import { newKey } from "./newkey.js";

export async function show(page, { given: [id], signal, user: me, told }) {
  const [user, { items: keys }] = await Promise.all([
    get(`/users/${id}`, {}, signal),
    get(`/users/${id}/keys`, {}, signal),
  ]);
  const news = h("div", {});
  fill(news, told);
  const again = async (words) => {
    await show(page, { given: [id], signal, user: me, told: words });
    page.querySelector("h1").focus();
  };
  const act = async (call) => {
    try {
      await again(await call());
    } catch (error) {
      if (!signal.aborted) fill(news, trouble(error));
    }
  };
  fill(
    page,
    heading(user.username, me.is_admin && user.id !== me.id && switches(user, act, signal)),
    news,
    panel(
      "",
      facts([
        ["email", user.email],
        ["role", user.is_admin ? "administrator" : "user"],
        ["state", user.is_active ? badge("active", "good") : badge("closed", "bad")],
        ["since", moment(user.created_at)],
      ]),
    ),
    panel(
      "Keys",
      keys.length
        ? keyTable(id, keys, act, signal)
        : empty("No keys yet", "Without one, nobody can use the service as this user. Make one below."),
    ),
    newKey(id, signal, again),
  );
}

function switches(user, act, signal) {
  const change = (json, words) =>
    act(async () => {
      await send("PUT", `/users/${user.id}`, { json, signal });
      return notice(words);
    });
  const close = async () => {
    const meant = await sure(
      `Close ${user.username}?`,
      "All keys of this user stop working within a second. What there is stays, and the user can be opened again.",
      "Close the user",
    );
    if (meant) await change({ is_active: false }, `${user.username} is closed.`);
  };
  const open = () => change({ is_active: true }, `${user.username} is open.`);
  const role = () =>
    change(
      { is_admin: !user.is_admin },
      `${user.username} is ${user.is_admin ? "an ordinary user" : "an administrator"} now.`,
    );
  return [
    h("button", { type: "button", onclick: role }, user.is_admin ? "Make an ordinary user" : "Make an administrator"),
    h("button", { type: "button", onclick: user.is_active ? close : open }, user.is_active ? "Close" : "Open again"),
  ];
}

function keyTable(id, keys, act, signal) {
  const revoke = async (key) => {
    const meant = await sure(
      `Revoke ${key.name}?`,
      `Whatever uses ${key.prefix} is locked out within a second, for good.`,
      "Revoke the key",
    );
    if (!meant) return;
    await act(async () => {
      await send("DELETE", `/users/${id}/keys/${key.id}`, { signal });
      return notice(`${key.name} is revoked.`);
    });
  };
  const rows = keys.map((key) => [
    key.name,
    h("code", {}, key.prefix),
    when(key.created_at),
    key.last_used_at ? when(key.last_used_at) : h("span", { class: "quiet" }, "never"),
    key.revoked_at ? badge("revoked", "bad") : badge("good", "good"),
    !key.revoked_at &&
      h(
        "button",
        { type: "button", class: "small", "aria-label": `Revoke ${key.name}`, onclick: () => revoke(key) },
        "Revoke",
      ),
  ]);
  return table(
    "Keys",
    ["Name", "Begins with", "Made", "Last used", "State", { name: "Administration", right: true }],
    rows,
  );
}
