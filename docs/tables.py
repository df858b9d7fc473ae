"""`make docs`: writes the tables of http.md and settings.md, which are made of the code, between their marks."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from api import openapi
from shared.settings import Settings

FOLDER = Path(__file__).parent


def routes() -> str:
    """Each route of the OpenAPI document with the first line of what it says of itself."""
    from api.main import make_app  # which builds the application when it is imported

    found: dict[tuple[str, str], list[str]] = {}
    for path, operations in openapi.written(make_app())["paths"].items():
        for method, operation in operations.items():
            does = operation["description"].partition("\n")[0]
            found.setdefault((path, does), []).append(method.upper())
    return table(("route", "does"), ((f"`{', '.join(sorted(by))} {path}`", does) for (path, does), by in found.items()))


def settings() -> str:
    """Each setting with its default."""
    rows = (
        (f"`{name.upper()}`", f"`{field.default}`" if field.default not in ("", ()) else "", str(field.description))
        for name, field in Settings.model_fields.items()
    )
    return table(("name", "default", "is"), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


TABLES: dict[str, Callable[[], str]] = {"routes": routes, "settings": settings}
PAGES = ("http.md", "settings.md")
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(name: str) -> str:
    """The page as it should be: what is between its marks made anew."""
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], (FOLDER / name).read_text())


if __name__ == "__main__":
    for name in PAGES:
        (FOLDER / name).write_text(page(name))
