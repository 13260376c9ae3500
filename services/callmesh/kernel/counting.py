"""What is counted while work goes on: in a dictionary, which is read when metrics are exported.

The library's own counter takes twenty microseconds for one more, at every fact; these say the same to whoever collects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

Labels = tuple[tuple[str, str], ...]


class _Kept:
    """A number for each set of labels."""

    def __init__(self) -> None:
        self._numbers: dict[Labels, int] = {}

    def _read(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(number, dict(labels)) for labels, number in list(self._numbers.items())]


class Counter(_Kept):
    """How many there were since the process began."""

    def __init__(self, meter: Meter, name: str, what: str) -> None:
        super().__init__()
        meter.create_observable_counter(name, [self._read], "1", what)

    def add(self, number: int, labels: Mapping[str, str]) -> None:
        """So many more; in the event loop's thread."""
        key = tuple(labels.items())
        self._numbers[key] = self._numbers.get(key, 0) + number


class Gauge(_Kept):
    """How many there are."""

    def __init__(self, meter: Meter, name: str, what: str) -> None:
        super().__init__()
        meter.create_observable_gauge(name, [self._read], "1", what)

    def set(self, number: int, labels: Mapping[str, str]) -> None:
        """So many now."""
        self._numbers[tuple(labels.items())] = number
