// Who is signed in: a key, kept as long as the tab is, and nowhere else.

const KEPT = "scoreline.key";
const GIVEN = "#key=";

export const session = { user: null, reason: "" };

export function key() {
  return sessionStorage.getItem(KEPT);
}

export function keep(secret) {
  sessionStorage.setItem(KEPT, secret);
}

/** Takes the key out of the address, where neither history nor screen shall show it. */
export function takeFromAddress() {
  if (!location.hash.startsWith(GIVEN)) return;
  keep(location.hash.slice(GIVEN.length));
  session.user = null;
  history.replaceState(null, "", location.pathname);
}

/** Forgets the key; the page goes back to signing in, and says why. */
export function signOut(reason = "") {
  sessionStorage.removeItem(KEPT);
  session.user = null;
  session.reason = reason;
  dispatchEvent(new Event("signedout"));
}
