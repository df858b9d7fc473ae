// Loads the console. A browser does not fetch again a part that did not come, because the service or the network went away
// meanwhile, and without one part there is nothing: so the page waits for the service and begins anew.

const PAUSE_MILLISECONDS = 1000;
const MOST = 5; // what never comes is not the network's fault

const tries = Number(sessionStorage.getItem("boots") ?? 0);
const [banner, main] = ["banner", "main"].map((id) => document.getElementById(id));

try {
  await import("./app.js");
  sessionStorage.removeItem("boots");
} catch (error) {
  if (tries < MOST) await anew();
  sessionStorage.removeItem("boots");
  main.textContent = "The console could not be loaded. Load the page again; if that does not help, look at the log of the API.";
  throw error;
}

async function anew() {
  banner.textContent = "The service is away. Trying again; nothing that was accepted is lost.";
  banner.hidden = false;
  do await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  while (!(await isThere()));
  sessionStorage.setItem("boots", tries + 1);
  location.reload();
  await new Promise(() => {}); // until it is gone
}

async function isThere() {
  try {
    return (await fetch("/health/live", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
