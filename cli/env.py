"""`make env`: the secrets of docker-compose.yml, random, in a file that only its owner can read.

It needs nothing but Python: a machine that runs containers need not install the project.
"""

import os
import secrets
import sys
from hashlib import sha256
from pathlib import Path

TEMPLATE = """\
# Written by `make env`: the secrets of docker-compose.yml.

# in the database's volume, too, once that exists: from then on it is changed there
POSTGRES_PASSWORD={postgres}
REDIS_PASSWORD={redis}
# of scoreline_reader, who may read the view predictions and nothing else
READER_PASSWORD={reader}
FLOWER_BASIC_AUTH=scoreline:{flower}
JUPYTER_TOKEN={jupyter}
# of the admin's key, all that the service is given of it
ADMIN_KEY_HASH={key_hash}

# For clients: export $(grep ^SCORELINE_ .env)
SCORELINE_URL=http://127.0.0.1:8000
SCORELINE_API_KEY={key}
"""


def key() -> str:
    """A key as shared/keys.py writes them."""
    return f"sk_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def hashed(key: str) -> str:
    """What `scoreline setup` takes: the prefix, and the digest of the whole."""
    return f"{key[:11]}:{sha256(key.encode()).hexdigest()}"


def text() -> str:
    made = key()
    passwords = {name: secrets.token_hex(24) for name in ("postgres", "redis", "reader", "flower", "jupyter")}
    return TEMPLATE.format(**passwords, key=made, key_hash=hashed(made))


def write(path: Path) -> bool:
    """Whether it was written; a file that is there stays as it is."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with open(file, "w") as opened:
        opened.write(text())
    return True


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print(f"{path}: written" if write(path) else f"{path} is there already and stays as it is")
