"""What was trained, on what, how good it is, and what was left out: lines for a terminal."""

from collections.abc import Iterator
from itertools import chain
from textwrap import wrap
from typing import Any

from worker.training import Trained

WIDTH = 110
LABEL_WIDTH = 11
MOST_CLASSES_SHOWN = 10
MOST_COLUMNS_SHOWN = 6
NAME_CHARACTERS = 20


def report(trained: Trained) -> list[str]:
    return [*origin(trained), *left_out(trained), "", *figures(trained)]


def origin(trained: Trained) -> Iterator[str]:
    training = trained.training
    what = f"{trained.task} of {training['target']}" if training["target"] else trained.task
    why = training.get("task_inferred")
    yield line("model", f"{what}{f', {why} (--task says otherwise)' if why else ''}; {trained.framework}")
    invented = "  SYNTHETIC: invented records, the figures say nothing about real ones" if training["synthetic"] else ""
    yield line("data", f"{training['data']}{invented}")
    rows = training["rows"]
    yield line("rows", f"{rows['fit']:,} to fit, {rows['held_out']:,} held out; {training['seconds']:.1f} s")
    kinds = [feature.type for feature in trained.signature.inputs]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    nullable = sum(feature.nullable for feature in trained.signature.inputs)
    yield line("inputs", f"{len(kinds)}: {counts}" + (f"; {nullable} of them may be missing" if nullable else ""))


def left_out(trained: Trained) -> Iterator[str]:
    """The columns and rows that were not used, and what looked odd."""
    for name, why in trained.training["left_out"].items():
        yield from wrapped("left out", f"{name}: {why}")
    for text in [*trained.training["warnings"], *no_better(trained.metrics)]:
        yield from wrapped("warning", text)


def no_better(metrics: dict[str, Any]) -> Iterator[str]:
    """A warning if the model has learned nothing."""
    names = [name for name in ("r2", "macro_f1", "silhouette") if name in metrics]
    if names and metrics[names[0]] <= metrics["baseline"][names[0]]:
        yield "the model is no better than its baseline: there is nothing in these columns to learn, or too few rows"


def figures(trained: Trained) -> Iterator[str]:
    parts = {"regression": regression, "classification": classification, "clustering": clustering}
    return parts[trained.task](trained.metrics)


def regression(metrics: dict[str, Any]) -> Iterator[str]:
    baseline, interval = metrics["baseline"], metrics["interval"]
    rows = [[name.upper(), figure(metrics[name]), figure(baseline[name])] for name in ("rmse", "mae")]
    rows.append(["R2", f"{metrics['r2']:.3f}", f"{baseline['r2']:z.3f}"])
    yield from table([["", "model", "always the mean"], *rows])
    yield ""
    yield line(
        "interval",
        f"{interval['level']:.0%}: value +- {figure(interval['half_width'])}, "
        f"held {interval['coverage']:.1%} of the held-out rows",
    )


def classification(metrics: dict[str, Any]) -> Iterator[str]:
    baseline = metrics["baseline"]
    names = {"accuracy": "accuracy", "log_loss": "log loss", "macro_f1": "macro F1"}
    rows = [[said, f"{metrics[name]:.3f}", f"{baseline[name]:.3f}"] for name, said in names.items()]
    yield from table([["", "model", f"always {short(baseline['label'])}"], *rows])
    yield ""
    yield from confusion(metrics["confusion"])


def confusion(found: dict[str, Any]) -> Iterator[str]:
    """All of it for few classes, else what is mistaken most often."""
    labels = [short(label) for label in found["labels"]]
    if len(labels) <= MOST_CLASSES_SHOWN:
        yield "held-out rows by their class (down) and by what they were told to be (across)"
        rows = ([name, *map(str, counts)] for name, counts in zip(labels, found["rows"], strict=True))
        yield from table([["", *labels], *rows])
        return
    pairs = [
        (count, labels[is_], labels[told])
        for is_, counts in enumerate(found["rows"])
        for told, count in enumerate(counts)
        if is_ != told and count
    ]
    yield f"{len(labels)} classes; mistaken most often among the held-out rows:"
    yield from table([["class", "told", "rows"], *([is_, told, str(many)] for many, is_, told in sorted(pairs)[-5:])])


def clustering(metrics: dict[str, Any]) -> Iterator[str]:
    found, chance = metrics["silhouette"], metrics["baseline"]["silhouette"]
    yield from table([["", "model", "columns shuffled"], ["silhouette", f"{found:.3f}", f"{chance:.3f}"]])
    if choice := metrics["choice"]:
        yield ""
        yield line("clusters", ", ".join(f"{number}: {value:.3f}" for number, value in choice.items()))
    yield ""
    names = list(metrics["clusters"][0]["typical"])[:MOST_COLUMNS_SHOWN]
    rows = (
        [str(one["label"]), f"{one['rows']:,}", *(short(one["typical"][name]) for name in names)]
        for one in metrics["clusters"]
    )
    yield from table([["cluster", "rows", *map(short, names)], *rows])


def line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{text}"


def wrapped(label: str, text: str) -> Iterator[str]:
    first, *others = wrap(text, WIDTH - LABEL_WIDTH)
    return chain([line(label, first)], (line("", other) for other in others))


def table(rows: list[list[str]]) -> Iterator[str]:
    """Columns aligned: names to the left, figures to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    for name, *cells in rows:
        aligned = (f"{cell:>{width}}" for cell, width in zip(cells, others, strict=True))
        yield "  ".join([f"{name:<{max(first, LABEL_WIDTH - 2)}}", *aligned]).rstrip()


def short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= NAME_CHARACTERS else text[: NAME_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"


def figure(number: float) -> str:
    """47,123 for a large number, 0.04712 for a small one."""
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.4g}"
