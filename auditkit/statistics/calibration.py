"""Calibration errors: how far probabilities lie from how often they come true, bin by bin.

The plug-in error is a mean of absolute values of noisy numbers, so it is biased upwards: a
perfectly calibrated model shows an error above 0, and a larger one the fewer the rows. Beside it
stand its expected value under perfect calibration and a debiased estimate, and it is the
debiased estimate's interval that decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from auditkit.statistics.intervals import (
    FloatArray,
    IntArray,
    Interval,
    check_confidence,
    constant_range,
    constant_variance,
    critical_z,
    wilson,
)

__all__ = [
    "CalibrationBins",
    "DebiasedError",
    "calibrated_errors",
    "calibration_bins",
    "debiased_error",
    "equal_mass_bins",
    "equal_width_bins",
    "expected_if_calibrated",
    "maximum_error_interval",
    "mean_error",
]


def equal_width_bins(confidence: FloatArray, bins: int) -> IntArray:
    """Return the bin of each confidence among ``bins`` equal intervals of [0, 1].

    Bin k holds (k / bins, (k + 1) / bins], the first one 0 as well (Guo et al. 2017).

    >>> equal_width_bins(np.array([0.0, 0.1, 0.11, 1.0]), 10).tolist()
    [0, 0, 1, 9]
    """
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, confidence, side="left").astype(np.int64)


def equal_mass_bins(confidence: FloatArray, bins: int) -> IntArray:
    """Return the bin of each confidence among ``bins`` that hold equally many rows.

    Rows of equal confidence stay together, in the bin of their middle rank, so the bins depend on
    the values alone and not on the order of the rows.

    >>> equal_mass_bins(np.array([0.9, 0.6, 0.7, 0.8]), 2).tolist()
    [1, 0, 0, 1]
    """
    _, at, rows = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2.0
    return np.minimum(middle * bins / max(1, len(confidence)), bins - 1).astype(np.int64)[at]


@dataclass(frozen=True, eq=False)
class CalibrationBins:
    """Rows in bins of confidence. Arrays are ``[bins]``, of those with rows, or ``[rows]``."""

    count: IntArray
    """Rows."""
    successes: IntArray
    """Rows whose outcome holds."""
    confidence: FloatArray
    """Mean confidence."""
    expected_variance: FloatArray
    """Mean of c (1 - c): the variance of a row's outcome were its confidence c true."""
    bin: IntArray
    """Number of the bin."""
    place: IntArray
    """``[rows]``: position of the row's bin in these arrays."""
    residual: FloatArray
    """``[rows]``: outcome minus confidence."""

    @property
    def accuracy(self) -> FloatArray:
        """Share of rows whose outcome holds."""
        return np.asarray(self.successes / self.count)

    @property
    def weight(self) -> FloatArray:
        """Share of all rows."""
        return np.asarray(self.count / self.count.sum())

    @property
    def difference(self) -> FloatArray:
        """Accuracy minus mean confidence."""
        return self.accuracy - self.confidence

    @property
    def error(self) -> float:
        """The plug-in error: the mean of the absolute differences, weighted by rows."""
        return float(self.weight @ np.abs(self.difference))


def calibration_bins(
    confidence: FloatArray, outcome: FloatArray, assignment: IntArray
) -> CalibrationBins:
    """Sum up rows by bin.

    Parameters
    ----------
    confidence
        ``[n]``, the probability stated for the outcome, in [0, 1].
    outcome
        ``[n]``, 1 where it holds and 0 where not.
    assignment
        ``[n]``, the bin of each row, from 0.

    Raises
    ------
    ValueError
        If there is no row, or a confidence lies outside [0, 1].
    """
    c = np.asarray(confidence, dtype=np.float64)
    y = np.asarray(outcome, dtype=np.float64)
    if not len(c) or c.shape != y.shape or not ((c >= 0.0) & (c <= 1.0)).all():
        raise ValueError("needs one outcome for each of at least one confidence in [0, 1]")
    count = np.bincount(assignment)
    held = np.flatnonzero(count)
    place = np.cumsum(count > 0) - 1

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(assignment, weights=values)[held], dtype=np.float64)

    rows = count[held]
    return CalibrationBins(
        count=rows,
        successes=np.rint(total(y)).astype(np.int64),
        confidence=total(c) / rows,
        expected_variance=total(c * (1.0 - c)) / rows,
        bin=held,
        place=place[assignment],
        residual=y - c,
    )


@dataclass(frozen=True, eq=False)
class DebiasedError:
    """A calibration error without the bias of the plug-in, and what is uncertain about it."""

    value: float
    """The estimate, at least 0."""
    raw: float
    """The estimate before it is cut at 0."""
    influence: FloatArray
    """``[n]``: what each row adds to the sampling error; the squares sum to its variance."""
    unseen_variance: float
    """Variance to add for what the rows at hand cannot show."""
    bias: float
    """About how far the estimate may lie below the truth on average."""

    @property
    def variance(self) -> float:
        """The sampling variance."""
        return float(self.influence @ self.influence) + self.unseen_variance

    def interval(self, confidence: float) -> Interval:
        """Return the interval of the true error.

        Its lower side rests on the sampling error alone, since the estimate does not lie above
        the truth on average. The upper one is as wide as the bias asks for: with the mean squared
        error in place of the variance the normal quantile holds for any bias.
        """
        z = critical_z(confidence)
        n = len(self.influence)
        low = max(0.0, self.raw - z * math.sqrt(self.variance))
        high = max(self.value, self.raw + z * math.sqrt(self.variance + self.bias**2))
        # Rows that are all right cannot show the errors to come: as in Wilson's interval.
        high = max(high, constant_range(self.value, n, z * z, (0.0, 1.0))[1])
        return Interval(min(low, self.value), min(1.0, high), confidence, "split-half debiasing")


def debiased_error(bins: CalibrationBins) -> DebiasedError:
    """Return the debiased calibration error.

    Cut the rows of a bin in two halves at random, and take the difference D between accuracy and
    confidence in the one half with the sign it has in the other. Halves err independently, so noise
    is not taken for miscalibration. The mean over all ways to cut is, for a difference with
    standard error s, ``|D| - 2 s (phi(r) + r Phi(-r))`` with ``r = |D| / s``, phi and Phi the
    normal density and distribution: 0 on average where a bin is calibrated, and the plain size
    where it is far from it. The estimate is the mean over bins, weighted by rows.

    Notes
    -----
    The standard error is the larger of what the confidences imply and what the outcomes show.

    No estimate of a mean of absolute values is unbiased. This one is where the true differences are
    0 or large beside their standard errors; in between it is too low by up to 0.48 s a bin.
    ``bias`` is the most this comes to for true differences within a standard error of those seen,
    so it vanishes where the data leave no doubt about the signs.

    References
    ----------
    Kumar, Liang and Ma, NeurIPS 2019, and Roelofs et al., AISTATS 2022, on the bias of the plug-in.
    """
    n = int(bins.count.sum())
    squares = np.bincount(bins.place, weights=bins.residual**2) / bins.count
    seen = np.maximum(squares - bins.difference**2, 0.0)
    error = np.sqrt(np.maximum(seen, bins.expected_variance) / bins.count)
    plain = np.abs(bins.difference)
    ratio = np.divide(plain, error, out=np.full_like(plain, _FAR), where=error > plain / _FAR)
    raw = float(bins.weight @ (plain - error * _noise(ratio)))
    value = max(0.0, raw)
    slope = _slope(ratio)
    parts = bins.weight * slope * error
    variance = max(float(parts @ parts), constant_variance(value, n, (0.0, 1.0)))
    away = bins.residual - bins.difference[bins.place]
    influence = (np.sign(bins.difference) * slope)[bins.place] * away / n
    return DebiasedError(
        value=value,
        raw=raw,
        influence=influence,
        unseen_variance=max(0.0, variance - float(influence @ influence)),
        bias=float(bins.weight @ (error * _most_missed(ratio))),
    )


def mean_error(errors: Sequence[DebiasedError]) -> DebiasedError:
    """Return the mean of errors on the same rows, such as those of several labels."""
    raw = float(np.mean([one.raw for one in errors]))
    return DebiasedError(
        value=max(0.0, raw),
        raw=raw,
        influence=np.mean([one.influence for one in errors], axis=0),
        # As if all labels hid the same: the most that the mean can vary by.
        unseen_variance=float(np.mean([one.unseen_variance for one in errors])),
        bias=float(np.mean([one.bias for one in errors])),
    )


def expected_if_calibrated(bins: CalibrationBins) -> float:
    """Return the plug-in error that a perfectly calibrated model shows on average.

    That is, with outcomes drawn by the confidences as they are. The number of outcomes in a bin is
    taken to be binomial with the mean and, nearly, the variance it would have, which is exact
    where the confidences of a bin are equal; then E|X - mean| is De Moivre's.
    """
    trials, chance = _matching_binomial(bins)
    return float(_mean_deviation(trials, chance).sum() / bins.count.sum())


def calibrated_errors(bins: CalibrationBins, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw plug-in errors of a perfectly calibrated model: ``[draws]``.

    Outcomes are drawn bin by bin as for `expected_if_calibrated`.
    """
    trials, chance = _matching_binomial(bins)
    drawn = rng.binomial(trials, chance, size=(draws, len(trials)))
    return np.asarray(np.abs(drawn - trials * chance).sum(axis=1) / bins.count.sum())


def maximum_error_interval(parts: Sequence[CalibrationBins], confidence: float) -> Interval:
    """Return the interval of the largest absolute difference over bins.

    From a band that holds the differences of all bins at once: Wilson's interval of each bin's
    accuracy at the confidence that Sidak's inequality asks for, minus the mean confidence. A bin of
    few rows may hide a large difference, so the upper end is far up wherever there is one.

    Parameters
    ----------
    parts
        The bins; those of several labels if the maximum is over labels too.
    confidence
        Nominal coverage of the whole band.
    """
    check_confidence(confidence)
    each = confidence ** (1 / sum(len(bins.count) for bins in parts))
    low = high = 0.0
    for bins in parts:
        for successes, count, stated in zip(
            bins.successes, bins.count, bins.confidence, strict=True
        ):
            band = wilson(int(successes), int(count), each)
            below, above = band.low - stated, band.high - stated
            low = max(low, below, -above)
            high = max(high, abs(below), abs(above))
    return Interval(float(low), float(high), confidence, "simultaneous Wilson")


def _matching_binomial(bins: CalibrationBins) -> tuple[IntArray, FloatArray]:
    """Return a binomial with the mean and about the variance of each bin's rarer outcome."""
    rare = np.minimum(bins.confidence, 1.0 - bins.confidence) * bins.count
    variance = bins.expected_variance * bins.count
    # Mean m and variance m (1 - p) fit p = 1 - variance / m; no more trials than rows.
    chance = np.divide(variance, rare, out=np.ones_like(rare), where=rare > 0.0)
    trials = np.rint(rare / np.maximum(1.0 - chance, 1e-12))
    trials = np.clip(trials, np.ceil(rare), bins.count).astype(np.int64)
    return trials, np.divide(rare, trials, out=np.zeros_like(rare), where=trials > 0)


def _mean_deviation(trials: IntArray, chance: FloatArray) -> FloatArray:
    """Return E|X - mean| of binomials (De Moivre 1730)."""
    from scipy.special import gammaln, xlog1py, xlogy

    above = np.floor(trials * chance) + 1.0
    certain = (chance <= 0.0) | (chance >= 1.0)
    top = np.minimum(above, trials)
    log = (
        gammaln(trials + 1.0)
        - gammaln(top + 1.0)
        - gammaln(trials - top + 1.0)
        + xlogy(top, chance)
        + xlog1py(trials - top + 1.0, -np.where(certain, 0.0, chance))
    )
    return np.where(certain, 0.0, 2.0 * top * np.exp(log))


_FAR = 40.0
"""A difference of more standard errors than this has no noise worth taking off."""

_MOST_MISSED_AT = 1.0633
"""True size, in standard errors, at which the debiased size falls short of it most."""


def _noise(ratio: FloatArray) -> FloatArray:
    """Return what is taken off a plain size, both in standard errors."""
    from scipy.special import ndtr

    density = np.exp(-0.5 * ratio**2) / math.sqrt(2.0 * math.pi)
    return np.asarray(2.0 * (density + ratio * ndtr(-ratio)))


def _slope(ratio: FloatArray) -> FloatArray:
    """Return the standard error of the debiased size over that of the difference.

    It is averaged over normal noise around the difference seen.
    """
    nodes, weights = _normal_nodes()
    around = ratio[:, None] + nodes
    sizes = np.abs(around) - _noise(np.abs(around))
    return np.asarray(np.sqrt((sizes - (sizes @ weights)[:, None]) ** 2 @ weights))


@cache
def _normal_nodes() -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of an average over the standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    return nodes, weights / weights.sum()


def _most_missed(ratio: FloatArray) -> FloatArray:
    """Return the most a debiased size falls short of true sizes within one error of ``ratio``."""
    from scipy.special import ndtr

    size = np.maximum(ratio - 1.0, _MOST_MISSED_AT)
    return np.asarray(2.0 * size * ndtr(-size / math.sqrt(2.0)))
