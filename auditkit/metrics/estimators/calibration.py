"""Whether probabilities can be taken at their word: calibration errors, Brier score, selection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from auditkit import statistics
from auditkit.errors import CheckError
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import Brier, CalibrationError, SelectiveRisk
from auditkit.metrics.estimators.areas import score_classes
from auditkit.metrics.estimators.base import (
    Array,
    Bounds,
    Draw,
    Estimate,
    Estimator,
    percentile,
    row_replicates,
)
from auditkit.metrics.estimators.moments import InfluenceEstimator, MomentEstimator
from auditkit.statistics import CalibrationBins, DebiasedError, GroupReplicates, Interval

__all__ = [
    "brier_estimator",
    "calibration_estimators",
    "reliability_classes",
    "selective_estimator",
    "top_confidence",
]

_Stated: TypeAlias = tuple[Array, Array]
"""What was stated of each row, NaN where nothing was, and 1 where it came true."""


def calibration_estimators(
    columns: Columns, statistic: CalibrationError, labels: Sequence[str]
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimator of a calibration error, or one for each label.

    Raises
    ------
    CheckError
        If the evidence has no probabilities, some outside [0, 1], or lacks a column.
    """
    if not statistic.per_label:
        every = reliability_classes(columns, statistic, labels)
        return [({}, _make(list(every.values()), statistic))]
    every = _classwise(columns, statistic.score, statistic.label, labels)
    return [({"label": name}, _make([one], statistic)) for name, one in every.items()]


def brier_estimator(columns: Columns, statistic: Brier, labels: Sequence[str]) -> Estimator:
    """Return the estimator of the Brier score.

    Raises
    ------
    CheckError
        As `calibration_estimators`.
    """
    every = _classwise(columns, statistic.score, statistic.label, labels)
    total = np.sum([(stated - held) ** 2 for stated, held in every.values()], axis=0)
    most = len(every) if columns.codes(statistic.label).is_list else 2
    # Rounding of probabilities may lead a hair past the bound.
    return MomentEstimator(np.minimum(total, most), None, bounds=(0.0, float(most)))


def selective_estimator(columns: Columns, statistic: SelectiveRisk) -> Estimator:
    """Return the estimator of the area under the risk-coverage curve, or accuracy at a coverage.

    Raises
    ------
    CheckError
        As `calibration_estimators`.
    """
    confidence = top_confidence(columns, statistic.score, statistic.prediction)
    return _SelectiveEstimator(confidence, columns.numbers(statistic.correct), statistic)


def top_confidence(columns: Columns, score: str, prediction: str) -> Array:
    """Return the confidence of each row in its prediction, NaN where it has none.

    It is the probability of the predicted label. Where several labels may be predicted it is the
    mean over labels of max(p, 1 - p).

    Raises
    ------
    CheckError
        As `calibration_estimators`.
    """
    probabilities = _probabilities(columns, score)
    codes = columns.codes(prediction)
    if codes.is_list:
        both = [np.maximum(one, 1.0 - one) for one in probabilities.values()]
        return np.where(codes.codes >= 0, np.mean(both, axis=0), np.nan)
    confidence = np.full(columns.rows, np.nan)
    for code, (name,) in enumerate(codes.values):
        if name not in probabilities:
            raise CheckError(
                "calibration needs the probability of each label; "
                f"there is none of the predicted label {name!r}"
            )
        rows = codes.codes == code
        confidence[rows] = probabilities[name][rows]
    return confidence


def reliability_classes(
    columns: Columns, statistic: CalibrationError, labels: Sequence[str]
) -> Mapping[str, _Stated]:
    """Return what was stated and what came true, of the prediction (key "") or of each label.

    Raises
    ------
    CheckError
        As `calibration_estimators`.
    """
    if columns.codes(statistic.prediction).is_list:
        return _classwise(columns, statistic.score, statistic.label, labels)
    confidence = top_confidence(columns, statistic.score, statistic.prediction)
    correct = columns.numbers(statistic.correct)
    return {"": (np.where(np.isnan(correct), np.nan, confidence), correct)}


def _classwise(
    columns: Columns, score: str, label: str, labels: Sequence[str]
) -> dict[str, _Stated]:
    _probabilities(columns, score)
    unknown = columns.codes(label).codes < 0
    return {
        name: (np.where(unknown, np.nan, stated), held.astype(float))
        for name, (stated, held) in score_classes(columns, score, label, labels).items()
    }


def _probabilities(columns: Columns, score: str) -> dict[str, Array]:
    family = columns.family(score)
    if not family:
        raise CheckError(
            "calibration needs the probability of each label",
            hint=f"The evidence has no column '{score}:<label>'",
        )
    found = {name: columns.numbers(column) for name, column in family.items()}
    for name, values in found.items():
        outside = (values < 0.0) | (values > 1.0)
        if outside.any():
            raise CheckError(
                f"calibration needs probabilities from 0 to 1; '{score}:{name}' holds "
                f"{values[outside][0]:g}"
            )
    return found


@dataclass(frozen=True)
class _Binned:
    """Rows of one or more classes, and how they are put into bins."""

    classes: Sequence[_Stated]
    bins: int
    by_mass: bool

    def known(self, rows: Index) -> Index:
        """Those of ``rows`` that something was stated of."""
        unknown = np.any([np.isnan(stated[rows]) for stated, _ in self.classes], axis=0)
        known: Index = rows[~unknown]
        return known

    def parts(self, known: Index) -> list[CalibrationBins]:
        """Bins of each class."""
        assign = statistics.equal_mass_bins if self.by_mass else statistics.equal_width_bins
        return [
            statistics.calibration_bins(
                stated[known], held[known], assign(stated[known], self.bins)
            )
            for stated, held in self.classes
        ]


def _make(classes: Sequence[_Stated], statistic: CalibrationError) -> Estimator:
    kinds: dict[str, Callable[[_Binned], Estimator]] = {
        "plug_in": _PlugIn,
        "debiased": _Debiased,
        "if_calibrated": _IfCalibrated,
        "maximum": _Maximum,
    }
    return kinds[statistic.function](_Binned(classes, statistic.bins, statistic.binning == "mass"))


class _CalibrationEstimator:
    """What all calibration errors share: their rows, and that they lie in [0, 1]."""

    bounds: Bounds = (0.0, 1.0)

    def __init__(self, binned: _Binned) -> None:
        self._binned = binned

    def value(self, rows: Index) -> Estimate:
        known = self._binned.known(rows)
        missing = len(rows) - len(known)
        said = f"{missing} of {len(rows)} rows have no probability" if missing else None
        if not len(known):
            return Estimate(float("nan"), 0, said or "no examples")
        value, more = self._measured(self._binned.parts(known))
        return Estimate(value, len(known), "; ".join(filter(None, (more, said))) or None)

    def _parts(self, rows: Index) -> list[CalibrationBins]:
        return self._binned.parts(self._binned.known(rows))

    def _measured(self, parts: Sequence[CalibrationBins]) -> tuple[float, str]:
        """Return the value and what to say of it."""
        raise AssertionError


class _Debiased(_CalibrationEstimator, InfluenceEstimator):
    def _measured(self, parts: Sequence[CalibrationBins]) -> tuple[float, str]:
        return _debiased(parts).value, ""

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        return _debiased(self._parts(rows)).interval(draw.confidence)

    def influence(self, rows: Index) -> tuple[Index, Array]:
        known = self._binned.known(rows)
        return known, _debiased(self._binned.parts(known)).influence

    def unseen_variance(self, rows: Index) -> float:
        found = _debiased(self._parts(rows))
        # A band is as wide on both sides, so what may be missed counts as error.
        return found.unseen_variance + found.bias**2


class _PlugIn(_CalibrationEstimator):
    """The usual estimate. It is biased upwards, so its interval begins with the debiased one's."""

    why = "compared by the debiased error, as the plain one grows as examples get fewer"

    @property
    def for_groups(self) -> Estimator:
        return _Debiased(self._binned)

    def _measured(self, parts: Sequence[CalibrationBins]) -> tuple[float, str]:
        expected = _mean([statistics.expected_if_calibrated(bins) for bins in parts])
        return (
            _mean([bins.error for bins in parts]),
            f"a perfectly calibrated model would show about {expected:.2g} here",
        )

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        found = _debiased(self._parts(rows)).interval(draw.confidence)
        return Interval(
            min(found.low, estimate.value),
            max(found.high, estimate.value),
            found.confidence,
            found.method,
        )

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        return self.for_groups.replicates(grouping, draws, rng)


class _IfCalibrated(_CalibrationEstimator):
    """The plug-in's mean under perfect calibration; its interval is the plug-in's range there."""

    def _measured(self, parts: Sequence[CalibrationBins]) -> tuple[float, str]:
        return _mean([statistics.expected_if_calibrated(bins) for bins in parts]), ""

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        drawn = [
            statistics.calibrated_errors(bins, draw.draws, draw.rng) for bins in self._parts(rows)
        ]
        found = percentile(np.mean(drawn, axis=0), draw.confidence, "null distribution")
        if found is None:
            return None
        low, high = min(found.low, estimate.value), max(found.high, estimate.value)
        return Interval(low, high, found.confidence, found.method)

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        return row_replicates(grouping, lambda rows: self.value(rows).value, draws, rng)


class _Maximum(_CalibrationEstimator):
    """The largest difference of a bin, over labels too where there are several."""

    why = "a largest difference grows as examples get fewer; the interval allows for that"

    @property
    def for_groups(self) -> Estimator:
        return self

    def _measured(self, parts: Sequence[CalibrationBins]) -> tuple[float, str]:
        bins = max(parts, key=lambda one: float(np.abs(one.difference).max()))
        at = int(np.abs(bins.difference).argmax())
        rows = int(bins.count[at])
        return (
            float(abs(bins.difference[at])),
            f"largest where confidence is about {bins.confidence[at]:.2f}, in "
            f"{rows} example{'s' * (rows != 1)}",
        )

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        return statistics.maximum_error_interval(self._parts(rows), draw.confidence)

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        # The band of each group is wider than the error of its value, and takes in its bias.
        confidence, z = 0.95, 1.96
        error = []
        for group in range(len(grouping.slices)):
            rows = grouping.rows(group)
            band = statistics.maximum_error_interval(self._parts(rows), confidence)
            value = self.value(rows).value
            error.append(max(value - band.low, band.high - value) / z)
        return statistics.gaussian_group_replicates(np.diag(np.square(error)), draws, rng)


def _debiased(parts: Sequence[CalibrationBins]) -> DebiasedError:
    return statistics.mean_error([statistics.debiased_error(bins) for bins in parts])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


class _SelectiveEstimator(InfluenceEstimator):
    """The area under the risk-coverage curve, or the accuracy at a coverage."""

    bounds = (0.0, 1.0)

    def __init__(self, confidence: Array, correct: Array, statistic: SelectiveRisk) -> None:
        self._confidence = np.where(np.isnan(correct), np.nan, confidence)
        self._wrong = 1.0 - correct
        self._statistic = statistic

    def _known(self, rows: Index) -> Index:
        return rows[~np.isnan(self._confidence[rows])]

    def _measured(self, known: Index) -> tuple[float, int, npt.NDArray[np.float64]]:
        """Return the value, how many rows it rests on, and their influence."""
        confidence, wrong = self._confidence[known], self._wrong[known]
        if self._statistic.function == "accuracy":
            return statistics.accuracy_at_coverage(confidence, wrong, self._statistic.coverage)
        area, influence = statistics.area_under_risk_coverage(confidence, wrong)
        return area, len(known), influence

    def value(self, rows: Index) -> Estimate:
        known = self._known(rows)
        missing = len(rows) - len(known)
        said = f"{missing} of {len(rows)} rows have no probability" if missing else ""
        if not len(known):
            return Estimate(float("nan"), 0, said or "no examples")
        value, n, _ = self._measured(known)
        if self._statistic.function == "accuracy":
            most = f"the {n} examples of {len(known)} with the highest confidence"
            said = "; ".join(filter(None, (most, said)))
        return Estimate(value, n, said or None)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        value, n, influence = self._measured(self._known(rows))
        return statistics.selective_interval(value, influence, n, draw.confidence)

    def influence(self, rows: Index) -> tuple[Index, Array]:
        known = self._known(rows)
        return known, self._measured(known)[2]

    def unseen_variance(self, rows: Index) -> float:
        value, n, influence = self._measured(self._known(rows))
        return statistics.selective_variance(value, influence, n) - float(influence @ influence)
