// Sending a file: fetch cannot tell how much has gone, so this is an XMLHttpRequest.

import { Problem, problemOf } from "./api.js";
import { key } from "./session.js";

/** The job of the file. `told` is called with the bytes that have gone. The same `idempotency` is the same job. */
export function upload({ file, kind, query, idempotency, told, signal }) {
  const request = new XMLHttpRequest();
  request.open("POST", `/jobs?${new URLSearchParams(query)}`);
  request.setRequestHeader("Authorization", `Bearer ${key()}`);
  request.setRequestHeader("Content-Type", kind.type);
  request.setRequestHeader("Idempotency-Key", idempotency);
  if (kind.packed) request.setRequestHeader("Content-Encoding", "gzip");
  request.upload.addEventListener("progress", (event) => told(event.loaded));
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request.status, request.responseText));
    });
    request.addEventListener("error", () =>
      reject(
        new Problem(0, {
          detail: "The connection broke off. Send it again: it becomes one job, however often it is sent.",
        }),
      ),
    );
    request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
    request.send(file);
  });
}
