"""Every setting is documented."""

import re
from pathlib import Path

from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_example_names_every_setting_with_its_default() -> None:
    written = dict(re.findall(r"^# ?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(written) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = " ".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        assert written[name.upper()] == default, name


def test_the_page_explains_every_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `{name.upper()}` |" in page
        assert str(field.description) in page
