// The one way elements are made: text stays text, whatever it holds.

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate", "hidden"]);
const SVG = "http://www.w3.org/2000/svg";

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(there));
  return element;
}

function there(child) {
  return child !== null && child !== undefined && child !== false;
}

/** An element with its attributes, listeners (`onclick`) and children. */
export function h(tag, properties, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same of a drawing. */
export function s(tag, properties, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Puts these in place of what is there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(there));
  return element;
}

/** The same for what is drawn anew by itself: the keyboard stays at the link or button where it was. */
export function refill(element, ...children) {
  const at = element.contains(document.activeElement) ? document.activeElement : null;
  const name = at?.getAttribute("href") ?? at?.id;
  fill(element, ...children);
  if (name)
    [...element.querySelectorAll("a, button, input, select")]
      .find((one) => [one.getAttribute("href"), one.id].includes(name))
      ?.focus();
}

/** Says it to who cannot see it; the same words twice are said twice. */
export function tell(text) {
  const told = document.getElementById("told");
  told.textContent = "";
  requestAnimationFrame(() => (told.textContent = text));
}

/** After the browser could draw and hear: what is long is done in parts, with this between them. */
export function painted() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Calls it every so many milliseconds while the page is looked at, until the signal; waits for what it returns. */
export function every(milliseconds, signal, call) {
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    if (!signal.aborted && document.visibilityState === "visible") timer = setTimeout(run, milliseconds);
  };
  const run = async () => {
    await call();
    again();
  };
  const looked = () => document.visibilityState === "visible" && run();
  document.addEventListener("visibilitychange", looked, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  again();
}
