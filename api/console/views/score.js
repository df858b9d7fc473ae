// A file: dropped, looked at, checked, sent.

import { get } from "../api.js";
import { catalogue, chooser, noModel, references } from "../catalogue.js";
import { fill, h } from "../dom.js";
import { bytes } from "../format.js";
import { heading, panel, trouble } from "../parts.js";
import { kindOf, sampleOf } from "../sample.js";
import { check } from "./check.js";
import { sending } from "./sending.js";

export async function show(page, { given: [wanted], signal }) {
  const found = references(await catalogue(signal));
  if (!found.length) {
    fill(page, heading("Score a file"), panel("", noModel()));
    return;
  }
  const chosen = { ref: found.some(([ref]) => ref === wanted) ? wanted : found[0][0], file: null };
  const looked = h("div", { class: "stack" });
  const look = () => chosen.file && lookAt(looked, chosen, signal);
  const choose = chooser(found, chosen.ref, (ref) => {
    chosen.ref = ref;
    look();
  });
  const take = (file) => {
    chosen.file = file;
    look();
  };
  fill(page, heading("Score a file"), panel("", choose, dropZone(take, signal), template(chosen, signal)), looked);
}

function dropZone(take, signal) {
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    id: "file",
    accept: ".csv,.tsv,.ndjson,.jsonl,.json,.parquet,.gz",
    onchange: () => input.files[0] && take(input.files[0]),
  });
  const zone = h(
    "label",
    { class: "drop", for: "file" },
    h("span", { class: "drop-title" }, "Drop a file here, or choose one"),
    h("span", { class: "hint" }, "CSV, NDJSON, Parquet or JSON, also packed as .gz. Nothing is sent yet."),
    input,
  );
  const over = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
  };
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", over);
  zone.addEventListener("drop", (event) => {
    over(event);
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  // Beside the zone, a browser would leave the page for the file.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault(), { signal });
  return zone;
}

/** A file to begin with: the columns that the model wants, and a row that works. */
function template(chosen, signal) {
  const save = async () => {
    const example = await get(`/models/${encodeURIComponent(chosen.ref)}/example`, {}, signal);
    const lines = [Object.keys(example), Object.values(example).map((value) => value ?? "")].map((cells) =>
      cells.join(","),
    );
    const link = h("a", {
      href: URL.createObjectURL(new Blob([`${lines.join("\n")}\n`])),
      download: `${chosen.ref.replace(/[:@]/, "-")}.csv`,
    });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return h(
    "p",
    { class: "quiet" },
    "None at hand? ",
    h("button", { type: "button", class: "plain", onclick: save }, "Take a CSV with the right columns"),
    ".",
  );
}

async function lookAt(looked, { file, ref }, signal) {
  const kind = kindOf(file.name);
  if (!kind) {
    fill(
      looked,
      trouble(
        new Error(
          `"${file.name}" does not say what it holds. Its name should end in .csv, .tsv, .ndjson, .jsonl, .json or .parquet, and in .gz behind that if it is packed.`,
        ),
      ),
    );
    return;
  }
  fill(looked, panel(file.name, h("p", { class: "quiet" }, `${bytes(file.size)}. Looking at the beginning of it`)));
  try {
    const [sample, schema] = await Promise.all([
      sampleOf(file, kind),
      get(`/models/${encodeURIComponent(ref)}/schema`, {}, signal),
    ]);
    const { panels, isRefused } = await check({ file, kind, ref, sample, schema, signal });
    fill(looked, ...panels, isRefused ? null : sending({ file, kind, ref, signal }));
  } catch (error) {
    if (!signal.aborted)
      fill(
        looked,
        trouble(error, () => lookAt(looked, { file, ref }, signal)),
      );
  }
}
