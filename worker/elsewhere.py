"""A scikit-learn model trained elsewhere: the file and what its operator says of it, checked on an example."""

import json
import warnings
from datetime import UTC, datetime
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from pydantic import BaseModel, Field, ValidationError
from sklearn.base import is_classifier, is_clusterer, is_regressor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from shared.errors import Invalid
from shared.features import AnyFeature, Boolean, Category, Date, Number, date_text, days
from shared.signature import OUTPUTS, Signature
from worker.estimators import estimator_of
from worker.training import Trained


class Interval(BaseModel):
    """What a value's `low` and `high` are made of."""

    half_width: float = Field(ge=0, allow_inf_nan=False)
    minimum: float = Field(allow_inf_nan=False)


MEMBERS = ("task", "inputs", "labels", "example", "metrics")


def load(artifact: Path, signature: Path, task: str | None = None) -> tuple[Trained, bytes]:
    """The model with its signature, ready to be registered, and its file; or Invalid that says what does not fit."""
    written = read_json(signature)
    fitted, content = read_model(artifact)
    task = task_of(fitted, task or written.get("task"))
    found = signature_of(written, task, labels_of(fitted, task, written.get("labels")), signature)
    check_inputs(fitted, found)
    check_interval(written.get("metrics"))
    example = written.get("example") or {feature.name: typical(feature) for feature in found.inputs}
    values = found.check_record(example, "the example")
    check_example(fitted, task, found, written.get("metrics") or {}, values)
    trained = Trained(
        pipeline=fitted,
        task=task,
        framework=f"scikit-learn {sklearn.__version__}",
        signature=found,
        example=example,
        metrics=written.get("metrics") or {},
        training={
            "data": f"trained elsewhere, from {artifact.name}",
            "synthetic": False,
            "sha256": None,
            "registered_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    return trained, content


def read_json(path: Path) -> dict[str, Any]:
    try:
        written = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Invalid(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(written, dict):
        raise Invalid(f'{path} must hold an object with "inputs"; docs/models.md has an example')
    if "\\u0000" in json.dumps(written):
        raise Invalid(f"{path} has a NUL character, which no text here may have")
    if unknown := [name for name in written if name not in MEMBERS]:
        raise Invalid(f'{path} has "{unknown[0]}", which says nothing here; it may have {", ".join(MEMBERS)}')
    return written


def read_model(path: Path) -> tuple[Any, bytes]:
    """What a joblib file holds, and its bytes. Loading runs code of the file."""
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            fitted = joblib.load(BytesIO(content))
    except InconsistentVersionWarning as error:
        raise Invalid(
            f"{path} was made by scikit-learn {error.original_sklearn_version}, here is {sklearn.__version__}, which "
            "may read it wrongly; train it again with the version that is here"
        ) from error
    except Exception as error:  # whatever the code in the file raises
        raise Invalid(f"{path} cannot be loaded by joblib: {type(error).__name__}: {error}"[:500]) from error
    if not callable(getattr(fitted, "predict", None)):
        raise Invalid(f"{path} holds {type(fitted).__name__}, which has no predict; save a fitted estimator")
    return fitted, content


def task_of(fitted: Any, said: object) -> str:
    """The task that was said, if the model is one for it, or else the model's own."""
    own = {"regression": is_regressor, "classification": is_classifier, "clustering": is_clusterer}
    found = next((task for task, fits in own.items() if fits(fitted)), None)
    task = said or found
    if not isinstance(task, str) or task not in own:
        given = f'the task is "{said}"' if said else f"the task of {type(fitted).__name__} cannot be told"
        raise Invalid(f"{given}; say --task regression, classification or clustering")
    if found and found != task:
        raise Invalid(f"the task is {task}, but {type(fitted).__name__} is for {found}; leave out the task, or say so")
    return task


def labels_of(fitted: Any, task: str, said: Any) -> list[Any]:
    """The labels in the order of the model's probabilities."""
    if task == "regression":
        if said:
            raise Invalid("labels are for classification and clustering; a regression has none")
        return []
    if task == "classification":
        own = classes_of(fitted)
    else:
        final = fitted[-1] if isinstance(fitted, Pipeline) else fitted
        many = getattr(final, "n_clusters", None)
        own = list(range(many)) if isinstance(many, int) else []
    labels = own if said is None else said
    if own and labels != own:
        raise Invalid(f"labels must be those of the model in its order, {json.dumps(own)}, not {json.dumps(labels)}")
    if not labels and task == "classification":
        raise Invalid(f'{type(fitted).__name__} has no classes_; give "labels" in the signature')
    return list(labels)


def classes_of(fitted: Any) -> list[Any]:
    try:
        check_is_fitted(fitted)
    except NotFittedError as error:
        raise Invalid(f"{type(fitted).__name__} is not fitted; call fit before you save it") from error
    classes = getattr(fitted, "classes_", [])
    if len(classes) and isinstance(classes[0], list | np.ndarray):
        raise Invalid(f"{type(fitted).__name__} predicts {len(classes)} columns; a version here predicts one")
    return list(np.asarray(classes).tolist())


def signature_of(written: dict[str, Any], task: str, labels: list[Any], path: Path) -> Signature:
    try:
        return Signature(inputs=written.get("inputs"), outputs=OUTPUTS[task], labels=labels)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        more = f"; and {error.error_count() - 1} more" if error.error_count() > 1 else ""
        raise Invalid(f"{path}: {place or 'the signature'}: {first['msg']}{more}") from error


def check_inputs(fitted: Any, signature: Signature) -> None:
    """Refuse a signature without an input that the model takes, or with one that it does not."""
    names = getattr(fitted, "feature_names_in_", None)
    if names is not None and (missing := [name for name in names if name not in signature.names]):
        others = [name for name in signature.names if name not in names]
        near = next(iter(get_close_matches(missing[0], others, n=1)), None)
        hint = f'; is "{near}" meant to be it?' if near else "; add it"
        raise Invalid(f'the model was fitted on "{missing[0]}", which is no input of the signature{hint}')
    if names is not None and (more := [name for name in signature.names if name not in names]):
        raise Invalid(f'the signature has the input "{more[0]}", on which the model was not fitted; remove it')
    many = getattr(fitted, "n_features_in_", len(signature.inputs))
    if many != len(signature.inputs):
        raise Invalid(f"the model takes {many} inputs, the signature names {len(signature.inputs)}")


def check_interval(metrics: object) -> None:
    """Refuse metrics from which no interval can be made."""
    if metrics is not None and not isinstance(metrics, dict):
        raise Invalid('"metrics" must be an object, such as {"r2": 0.8}')
    if not metrics or "interval" not in metrics:
        return
    try:
        Interval.model_validate(metrics["interval"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("metrics", "interval", *first["loc"])))
        raise Invalid(
            f'{place}: {first["msg"]}; it is {{"half_width": 1.5, "minimum": 0}}, the half width 0 or more'
        ) from error


def typical(feature: AnyFeature) -> Any:
    """A valid value: the middle of what was seen, or of the limits."""
    match feature:
        case Category():
            return feature.categories[0]
        case Boolean():
            return False
        case Date():
            return date_text(float(int(sum(map(days, feature.seen)) / 2))) if feature.seen else "2026-01-31"
        case Number(seen=(low, high)):
            return (low + high) / 2
        case Number():
            limits = [limit for limit in (feature.minimum, feature.maximum) if limit is not None]
            return limits[0] if limits else 0.0


def check_example(fitted: Any, task: str, signature: Signature, metrics: dict[str, Any], values: list[Any]) -> None:
    """Refuse a model that cannot score the example."""
    try:
        estimator = estimator_of(fitted, task, signature, metrics)
        scores = estimator.scores(signature.encode([values]))
        output = (estimator.rows or np.ndarray.tolist)(scores)[0]
    except Exception as error:  # the model's own
        raise Invalid(
            f"the model fails on the example {json.dumps(values)}: {type(error).__name__}: {error}"[:500]
            + '; give one that works as "example" in the signature'
        ) from error
    if not np.isfinite(scores).all():
        raise Invalid(f"the model gives {output} for the example {json.dumps(values)}, which is no finite number")
