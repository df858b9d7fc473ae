"""The blocks of the Markdown pages, and how they are run: all of a page in its order, as one session."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/*.md")))
BLOCK = re.compile(
    r"^(?:<!-- (?P<what>not run|kept as):? (?P<said>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
INDENTED = re.compile(r"(?<=\n\n)    \S.*")
END = "-- the end of a block --"
SHELL = ["sh", "-e"]
PYTHON = [sys.executable, "-W", "error", "-c", "import sys\nknown = {}\nfor line in sys.stdin: exec(line, known)"]
RUN = {
    "sh": (SHELL, '. "{path}" </dev/null; echo "{end}"\n'),
    "python": (
        PYTHON,
        'import pathlib; exec(compile(pathlib.Path("{path}").read_text(), "{path}", "exec")); print("{end}", flush=True)\n',
    ),
}


@dataclass(frozen=True)
class Block:
    """A fenced block. `not_run` is why it is not, `kept_as` the file that it is for those after it."""

    language: str
    text: str
    line: int
    not_run: str = ""
    kept_as: str = ""


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    text = (ROOT / page).read_text()
    return [
        Block(
            found["language"],
            found["text"],
            text.count("\n", 0, found.start("language")) + 1,
            not_run=found["said"] if found["what"] == "not run" else "",
            kept_as=found["said"] if found["what"] == "kept as" else "",
        )
        for found in BLOCK.finditer(text)
    ]


class Session:
    """A shell and a Python that go on from block to block, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[str, subprocess.Popen[str]] = {}

    def run(self, block: Block) -> str:
        """What the block prints, on both channels; fails where it does."""
        command, line = RUN[block.language]
        if block.language not in self.open:
            pipe = subprocess.PIPE
            self.open[block.language] = subprocess.Popen(
                command, cwd=self.folder, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
            )
        process = self.open[block.language]
        assert process.stdin is not None
        assert process.stdout is not None
        path = self.folder / f"block at line {block.line}"
        path.write_text(block.text)
        process.stdin.write(line.format(path=path, end=END))
        process.stdin.flush()
        said = []
        for line in process.stdout:
            if line.rstrip("\n").endswith(END):
                return "".join([*said, line.removesuffix(f"{END}\n")])
            said.append(line)
        raise AssertionError(f"line {block.line}: {block.text}\n{''.join(said)}")

    def close(self) -> None:
        for process in self.open.values():
            process.communicate()
