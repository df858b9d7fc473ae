"""`make audit`: known vulnerabilities of what requirements.lock names. Skipped where no advisory service answers."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
# How long one answer may take, and all of them.
ANSWER_SECONDS, ALL_SECONDS = 3, 300
HOW = f"--no-deps --disable-pip --format json --progress-spinner off --timeout {ANSWER_SECONDS}".split()


def main() -> int:
    lock = LOCK.read_text()
    first = next(line.rstrip("\\ ") for line in lock.splitlines() if "==" in line)
    if not audited(first):  # one is asked for first: without a service, two hundred take their time, too
        print("audit skipped: advisory service not reachable")
        return 0
    found = audited(lock)
    if found is None:
        print("audit skipped: the advisory service went away")
        return 0
    bad = [f"{one['name']} {one['version']}: {hit['id']}" for one in found for hit in one["vulns"]]
    print("\n".join(bad) or f"audit: no known vulnerability in {len(found)} distributions")
    return 1 if bad else 0


def audited(requirements: str) -> list[dict[str, Any]] | None:
    """Each distribution of which the service knows, with what it knows; None if it does not answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, *HOW]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=ALL_SECONDS)
            return [one for one in json.loads(done.stdout)["dependencies"] if "skip_reason" not in one]
        except (subprocess.TimeoutExpired, ValueError):
            return None


if __name__ == "__main__":
    sys.exit(main())
