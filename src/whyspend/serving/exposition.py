"""Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4"

LONGEST = 200
"""Characters of a label's value; a longer one is cut, and ends with an ellipsis."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Value = int | float | Decimal
Sample = tuple[Mapping[str, str], Value]


@dataclass(frozen=True)
class Metric:
    """A metric with its samples."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    samples: Sequence[Sample]
    """None: the metric is left out."""


def metric(name: str, kind: Literal["counter", "gauge"], meaning: str, value: Value) -> Metric:
    """A metric of one sample without labels."""
    return Metric(name, kind, meaning, (({}, value),))


def text(metrics: Iterable[Metric]) -> str:
    """The page of some metrics. Decimals are written with all their digits."""
    lines = []
    for each in metrics:
        if each.samples:
            lines += [f"# HELP {each.name} {_escaped(each.meaning)}", f"# TYPE {each.name} {each.kind}"]
            lines += [f"{each.name}{_labels(labels)} {_number(value)}" for labels, value in each.samples]
    return "\n".join(lines) + "\n"


def label(value: str) -> str:
    """A value that can stand in a label: no control characters, not too long. Two long ones may become one."""
    value = _CONTROLS.sub("\ufffd", value)
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"


def _labels(labels: Mapping[str, str]) -> str:
    quoted = (f'{name}="{_escaped(value, quote=True)}"' for name, value in labels.items())
    return "{" + ",".join(quoted) + "}" if labels else ""


def _escaped(value: str, *, quote: bool = False) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n")
    return value.replace('"', '\\"') if quote else value


def _number(value: Value) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
