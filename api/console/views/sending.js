// Sending a file that was looked at, and seeing it go.

import { newKey } from "../api.js";
import { fill, h, tell } from "../dom.js";
import { bytes, percent } from "../format.js";
import { panel, trouble } from "../parts.js";
import { upload } from "../upload.js";

export function sending({ file, kind, ref, signal }) {
  const name = h("input", { id: "job-name", maxlength: "500", value: file.name });
  const strict = h("input", { type: "checkbox", id: "strict" });
  const progress = h("div", { class: "stack" });
  const button = h("button", { class: "primary" }, "Send and score");
  const key = keys();
  const send = async (event) => {
    event.preventDefault();
    const query = { model: ref, name: name.value, on_error: strict.checked ? "reject" : "quarantine" };
    button.disabled = true;
    try {
      const job = await sent({ file, kind, query, idempotency: key(query) }, progress);
      if (!signal.aborted) location.hash = `#/jobs/${job.id}`;
    } catch (error) {
      fill(progress, error.name === "AbortError" ? h("p", {}, "Stopped. Nothing is stored.") : trouble(error));
      fill(button, "Send again");
      button.disabled = false;
    }
  };
  return panel(
    "Send",
    h(
      "form",
      { class: "stack", onsubmit: send },
      h(
        "div",
        { class: "filters" },
        h("div", { class: "field" }, h("label", { for: "job-name" }, "Name of the job"), name),
      ),
      h(
        "div",
        { class: "check" },
        strict,
        h("label", { for: "strict" }, "Refuse the whole file if one record is wrong"),
      ),
      progress,
      h("div", { class: "actions" }, button),
    ),
  );
}

/** The same key for the same request, so that it is one job however often it is sent; another for another. */
function keys() {
  let before = "";
  let key = "";
  return (query) => {
    if (before !== JSON.stringify(query)) key = newKey();
    before = JSON.stringify(query);
    return key;
  };
}

/** The job; goes on when the view is left, and asks before the page is. */
async function sent(what, progress) {
  const stop = new AbortController();
  const done = new AbortController();
  addEventListener("beforeunload", (event) => event.preventDefault(), { signal: done.signal });
  tell("Sending");
  try {
    return await upload({ ...what, told: meter(progress, what.file.size, stop), signal: stop.signal });
  } finally {
    done.abort();
  }
}

function meter(place, size, stop) {
  const bar = h("progress", { max: size, value: 0, "aria-label": "Sent" });
  const text = h("p", { class: "quiet" });
  const button = h("button", { type: "button", class: "small", onclick: () => stop.abort() }, "Stop");
  fill(place, bar, h("div", { class: "progress-line" }, text, button));
  return (gone) => {
    bar.value = Math.min(gone, size);
    button.hidden = gone >= size;
    text.textContent =
      gone < size
        ? `${bytes(gone)} of ${bytes(size)}, ${percent(gone / size)}`
        : "All of it is there; the service is storing it";
  };
}
