"""The distribution by itself: what it needs, and what it costs to import."""

import re
import subprocess
import sys
from importlib.metadata import requires

SECONDS = 1.0  # 0.06 on an idle machine; it must be under 0.15 there
OWN = {"click", "httpx", "rich", "tqdm"}
WALL = """
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused}:
            raise ImportError("must not be imported: " + name)
sys.meta_path.insert(0, Wall())
"""
SERVER = "api worker shared cli migrations data sqlalchemy celery redis kombu sklearn fastapi uvicorn pydantic psycopg2"
HEAVY = "pandas polars numpy pyarrow click rich tqdm httpx asyncio"


def python(code: str, refused: str) -> str:
    wall = WALL.replace("{refused}", repr(set(refused.split())))
    done = subprocess.run([sys.executable, "-c", wall + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_needs_nothing_of_the_server() -> None:
    needed = [line for line in requires("scoreline") or [] if "extra ==" not in line]
    assert {re.split(r"[^\w-]", line)[0] for line in needed} == OWN
    assert python("import scoreline.client; import scoreline.commands; print(1)", SERVER) == "1"
    python("from scoreline import Client; Client('http://127.0.0.1:1').close()", SERVER)


def test_it_is_imported_in_no_time() -> None:
    timed = "import time; began = time.perf_counter(); import scoreline; print(time.perf_counter() - began)"
    assert float(python(timed, HEAVY)) < SECONDS
