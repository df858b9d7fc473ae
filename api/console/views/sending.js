// Sending a file that was looked at, and seeing it go.

import { newKey } from "../api.js";
import { fill, h, tell } from "../dom.js";
import { bytes, percent } from "../format.js";
import { panel, trouble } from "../parts.js";
import { upload } from "../upload.js";

export function sending({ file, kind, ref, signal }) {
  const name = h("input", { id: "job-name", maxlength: "500", value: file.name });
  const strict = h("input", { type: "checkbox", id: "strict" });
  const progress = h("div", {});
  const button = h("button", { class: "primary" }, "Send and score");
  let idempotency = newKey();
  let asked = "";
  const send = async (event) => {
    event.preventDefault();
    const query = { model: ref, name: name.value, on_error: strict.checked ? "reject" : "quarantine" };
    if (asked !== JSON.stringify(query)) idempotency = newKey(); // another request is another job
    asked = JSON.stringify(query);
    button.disabled = true;
    tell("Sending");
    try {
      const job = await upload({ file, kind, query, idempotency, told: meter(progress, file.size), signal });
      location.hash = `#/jobs/${job.id}`;
    } catch (error) {
      if (signal.aborted) return;
      fill(progress, trouble(error));
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

function meter(place, size) {
  const bar = h("progress", { max: size, value: 0, "aria-label": "Sent" });
  const text = h("p", { class: "quiet" });
  fill(place, bar, text);
  return (gone) => {
    bar.value = Math.min(gone, size);
    text.textContent =
      gone < size
        ? `${bytes(gone)} of ${bytes(size)}, ${percent(gone / size)}`
        : "All of it is there; the service is storing it";
  };
}
