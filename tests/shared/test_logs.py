"""What the log has."""

import subprocess
import sys

SAY = """
import logging
from shared.logs import configure
configure()
logging.getLogger("audit").info("user.create")
logging.getLogger("other").info("nothing")
"""


def test_audit_lines_are_written_whatever_the_level() -> None:
    done = subprocess.run([sys.executable, "-c", SAY], env={"LOG_LEVEL": "ERROR"}, capture_output=True, text=True)
    assert done.stderr == "INFO    audit: user.create\n"
