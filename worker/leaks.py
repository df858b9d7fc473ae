"""Columns that would make a model look better than it is: ids, and the target under another name."""

import re

import numpy as np

from shared.features import AnyFeature, Category, Number, Numbers

ID_NAME = re.compile(
    r"(?i:(?:^|[\W_])(?:id|ids|uid|uuid|guid|key|index|idx|number|no|nr|row|rownum|serial)$)|[a-z0-9]I[Dd]$"
)
# Rounding keeps a price in another currency above this; no two things that were measured apart come near it.
CORRELATION = 0.99999


def leak(feature: AnyFeature, codes: Numbers, target: AnyFeature | None, truth: Numbers | None) -> str | None:
    """Why this column gives too much away; None if it does not."""
    if isinstance(feature, Number) and is_id(feature.name, codes):
        return "is an id: whole numbers, in every row another"
    if target is None or truth is None:
        return None
    both = ~np.isnan(codes) & ~np.isnan(truth)
    if both.mean() < 0.5:
        return None
    codes, truth = codes[both], truth[both]
    if np.array_equal(codes, truth) and means_the_same(feature, target):
        return f'is equal to the target "{target.name}"'
    if rewritten(codes, truth):
        return f'is the target "{target.name}" in other words: each tells the other'
    if isinstance(feature, Number) and is_line(codes, truth):
        return f'is the target "{target.name}" on another scale'
    return None


def means_the_same(feature: AnyFeature, target: AnyFeature) -> bool:
    """Whether equal numbers in a matrix are equal values."""
    if isinstance(feature, Category) and isinstance(target, Category):
        return feature.categories == target.categories
    return type(feature) is type(target)


def is_id(name: str, codes: Numbers) -> bool:
    """Whole numbers that are all different, and ascend or are named like an id."""
    if np.isnan(codes).any() or (codes % 1 != 0).any() or len(np.unique(codes)) < len(codes):
        return False
    return bool((np.diff(codes) > 0).all()) or ID_NAME.search(name) is not None


def rewritten(codes: Numbers, truth: Numbers) -> bool:
    """Whether each value stands for one of the target and the other way round, and not by chance.

    Where nearly all values differ, any two columns do that; then only one in the order of the other is suspect.
    """
    values, places = np.unique(codes, return_inverse=True)
    targets, target_places = np.unique(truth, return_inverse=True)
    if len(values) != len(targets) or len(values) < 2:
        return False
    if len(np.unique(places * len(targets) + target_places)) > len(values):
        return False
    steps = np.diff(target_places[np.argsort(places, kind="stable")])
    return len(values) <= len(codes) / 2 or bool((steps >= 0).all() or (steps <= 0).all())


def is_line(codes: Numbers, truth: Numbers) -> bool:
    """Whether all points lie on one line."""
    if len(np.unique(truth)) < 3 or np.ptp(codes) == 0:
        return False
    return bool(abs(np.corrcoef(codes, truth)[0, 1]) > CORRELATION)
