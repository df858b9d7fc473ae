// The page: who is signed in, which view the address names, and the way between them.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { heading, trouble } from "./parts.js";
import { key, session, signOut, takeFromAddress } from "./session.js";
import * as job from "./views/job.js";
import * as jobs from "./views/jobs.js";
import * as model from "./views/model.js";
import * as models from "./views/models.js";
import * as predict from "./views/predict.js";
import * as queue from "./views/queue.js";
import * as score from "./views/score.js";
import * as signin from "./views/signin.js";
import * as user from "./views/user.js";
import * as users from "./views/users.js";

takeFromAddress();

const ROUTES = [
  [/^#\/predict(?:\/([^/]+))?$/, predict],
  [/^#\/score(?:\/([^/]+))?$/, score],
  [/^#\/jobs$/, jobs],
  [/^#\/jobs\/([^/]+)$/, job],
  [/^#\/models$/, models],
  [/^#\/models\/([^/]+)$/, model],
  [/^#\/queue$/, queue],
  [/^#\/users$/, users],
  [/^#\/users\/([^/]+)$/, user],
];
const LINKS = [
  ["predict", "One record"],
  ["score", "A file"],
  ["jobs", "Jobs"],
  ["models", "Models"],
  ["queue", "Queue"],
];
const main = document.getElementById("main");
let leaving = new AbortController();

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, query] = location.hash.split("?");
  const [pattern, view] = ROUTES.find(([route]) => route.test(path)) ?? [/^/, predict];
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  try {
    const given = (pattern.exec(path) ?? []).slice(1).map((part) => part && decodeURIComponent(part));
    if (key() && !session.user) session.user = await get("/users/me", {}, signal);
    frame(path);
    const page = h("div", { class: "page" });
    fill(main, page);
    const chosen = session.user ? view : signin;
    await chosen.show(page, { given, query: new URLSearchParams(query), signal, user: session.user, again: show });
    page.querySelector(".heading h1, h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (key()) fill(main, h("div", { class: "page" }, heading("That did not work"), trouble(error, show)));
    else show();
  }
}

function frame(path) {
  const { user } = session;
  document.body.classList.toggle("signed-out", !user);
  const links = user ? [...LINKS, user.is_admin ? ["users", "Users"] : ["users/me", "My keys"]] : [];
  fill(
    document.getElementById("nav"),
    links.map(([name, text]) => link(`#/${name}`, text, path)),
  );
  const out = h("button", { type: "button", class: "plain", onclick: () => signOut() }, "Sign out");
  const name = user && h("a", { href: "#/users/me", title: user.email }, user.username);
  fill(document.getElementById("who"), user && [name, out]);
}

function link(address, text, path) {
  const here =
    path === address || path.startsWith(`${address}/`) || (!path.startsWith("#/") && address === "#/predict");
  return h("a", { href: address, "aria-current": here ? "page" : null }, text);
}

addEventListener("hashchange", () => {
  takeFromAddress();
  show();
});
addEventListener("signedout", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the view
  main.focus();
});
show();
