// Results and errors as files.

import { send } from "../api.js";
import { fill, h, tell } from "../dom.js";
import { bytes } from "../format.js";
import { panel, trouble } from "../parts.js";

const MANY = 100_000; // records, which need not all fit into the memory of the browser
const FORMATS = { csv: "CSV", ndjson: "NDJSON", parquet: "Parquet", json: "JSON" };

export function downloads(job) {
  const inputs = h("input", { type: "checkbox", id: "with-inputs", checked: true });
  const told = h("div", { role: "status" });
  const buttons = (kind) =>
    Object.entries(FORMATS).map(([format, name]) => {
      const query = () => ({ format, ...(kind === "results" && inputs.checked ? { include: "inputs" } : {}) });
      return h(
        "button",
        {
          type: "button",
          class: "small",
          "aria-label": `${kind} as ${name}`,
          onclick: () => save(job, kind, query(), told),
        },
        name,
      );
    });
  return panel(
    "Download",
    h(
      "div",
      { class: "actions" },
      h("h3", {}, "Results"),
      buttons("results"),
      h("span", { class: "check" }, inputs, h("label", { for: "with-inputs" }, "with the inputs")),
    ),
    job.records.failed > 0 && h("div", { class: "actions" }, h("h3", {}, "Failed records"), buttons("errors")),
    told,
  );
}

async function save(job, kind, query, told) {
  const name = `${(job.name || kind).replace(/\.(csv|tsv|ndjson|jsonl|json|parquet)(\.gz)?$/, "")}-${kind}.${query.format}`;
  try {
    const file = job.records.total > MANY && (await window.showSaveFilePicker?.({ suggestedName: name }));
    fill(told, h("p", { class: "quiet" }, "Fetching it"));
    const answer = await send("GET", `/jobs/${job.id}/${kind}`, { query });
    const counted = answer.body.pipeThrough(counter((size) => (told.firstChild.textContent = `${bytes(size)} so far`)));
    if (file) await counted.pipeTo(await file.createWritable());
    else hand(await new Response(counted).blob(), name);
    fill(told, h("p", { class: "quiet" }, `${name} is there.`));
    tell("Downloaded");
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(told, trouble(error));
  }
}

function counter(call) {
  let size = 0;
  let at = 0;
  return new TransformStream({
    transform(chunk, controller) {
      size += chunk.length;
      if (performance.now() - at > 200) call(size);
      if (performance.now() - at > 200) at = performance.now();
      controller.enqueue(chunk);
    },
  });
}

function hand(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
