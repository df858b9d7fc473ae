// The models there are: what each serves, how good it is, and which versions it has.

import { catalogue, champion, state } from "../catalogue.js";
import { fill, h } from "../dom.js";
import { badge, empty, heading, panel, table, when } from "../parts.js";
import { score } from "./metrics.js";

export async function show(page, { signal }) {
  const models = await catalogue(signal);
  const hint = [
    h("code", {}, "scoreline train housing"),
    " trains the one that Scoreline comes with; ",
    h("code", {}, "scoreline train NAME --data FILE --target COLUMN"),
    " makes one of any table.",
  ];
  fill(page, heading("Models"), models.size ? [...models].map(model) : panel("", empty("There is no model yet", hint)));
}

function model([name, versions]) {
  const serving = champion(versions);
  const about = serving ? `${serving.task}; the champion is version ${serving.version}` : "no version is its champion";
  const columns = ["Version", "Aliases", "State", "How good", { name: "Inputs", right: true }, "Registered"];
  return panel(
    h("a", { href: `#/models/${name}` }, name),
    h("p", { class: "quiet" }, about),
    table(
      `Versions of ${name}`,
      columns,
      versions.map((version) => row(name, version)),
    ),
  );
}

function row(name, version) {
  return [
    h("a", { href: `#/models/${name}?version=${version.version}` }, version.ref),
    version.aliases.map((alias) => badge(alias, "alias")),
    badge(...state(version)),
    score(version.metrics),
    String(version.inputs.length),
    when(version.created_at),
  ];
}
