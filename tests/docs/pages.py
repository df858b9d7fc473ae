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
DRIVER = f"""
import sys
from pathlib import Path
known = {{}}
for line in sys.stdin:
    exec(compile(Path(line[:-1]).read_text(), line[:-1], "exec"), known)
    print("{END}", flush=True)
"""
# Of each language: what goes on from block to block, and the line that has it run the file of one.
RUN = {
    "sh": (["sh", "-e"], f'. "{{path}}" </dev/null; echo "{END}"\n'),
    "python": ([sys.executable, "-W", "error", "-c", DRIVER], "{path}\n"),
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
        path = self.folder / f"block at line {block.line}"
        path.write_text(block.text)
        process, order = self.started(block.language), RUN[block.language][1]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.format(path=path))
        process.stdin.flush()
        said = []
        for line in process.stdout:
            if line.rstrip("\n").endswith(END):
                return "".join([*said, line.removesuffix(f"{END}\n")])
            said.append(line)
        raise AssertionError(f"line {block.line}: {block.text}\n{''.join(said)}")

    def started(self, language: str) -> subprocess.Popen[str]:
        """What runs the blocks of this language, since the first of them."""
        if language not in self.open:
            pipe = subprocess.PIPE
            self.open[language] = subprocess.Popen(
                RUN[language][0], cwd=self.folder, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
            )
        return self.open[language]

    def close(self) -> None:
        for process in self.open.values():
            process.kill()
            process.communicate()
