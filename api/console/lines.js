// What to paste elsewhere to get the same answer.

/** A line for the shell; it reads the key from the environment, so that none is in its history. */
export function curlLine(ref, record) {
  return [
    `curl -s ${location.origin}/predict/${ref} \\`,
    `  -H "Authorization: Bearer $SCORELINE_API_KEY" \\`,
    `  -H 'Content-Type: application/json' -H 'Prefer: wait=10' \\`,
    `  -d '${JSON.stringify(record).replaceAll("'", "'\\''")}'`,
  ].join("\n");
}

/** Lines for the Python client. */
export function pythonLines(ref, record) {
  const pairs = Object.entries(record).map(([name, value]) => `    ${JSON.stringify(name)}: ${literal(value)},`);
  return [
    "from scoreline import Client",
    "",
    "client = Client()",
    "client.predict({",
    ...pairs,
    `}, model=${JSON.stringify(ref)})`,
  ].join("\n");
}

function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}
