"""Intervals, bootstraps and simultaneous bands.

Imports nothing of auditkit outside this folder. All randomness comes from the generator the
caller passes, so the same generator state gives the same interval. Undefined values (a rate
over no rows) are NaN in what a statistic returns; they are left out and counted, never read
as a number. Wrong use (no rows, a confidence outside (0, 1)) raises ``ValueError``.
"""

from __future__ import annotations

from auditkit.statistics.auc import (
    area_interval,
    area_variance,
    auc_influence,
    average_precision_influence,
    average_precision_interval,
    average_precision_variance,
    delong,
    roc_auc,
)
from auditkit.statistics.bootstrap import cell_bootstrap, mean_interval, ratio_interval
from auditkit.statistics.calibration import (
    CalibrationBins,
    DebiasedError,
    calibrated_errors,
    calibration_bins,
    debiased_error,
    equal_mass_bins,
    equal_width_bins,
    expected_if_calibrated,
    maximum_error_interval,
    mean_error,
)
from auditkit.statistics.groups import (
    GroupReplicates,
    gaussian_group_replicates,
    group_replicates,
    max_t_gap,
    max_t_ratio,
    max_t_worst,
)
from auditkit.statistics.intervals import (
    Interval,
    Statistic,
    constant_variance,
    settling_n,
    wilson,
)
from auditkit.statistics.quantiles import quantile_interval
from auditkit.statistics.selective import (
    accuracy_at_coverage,
    area_under_risk_coverage,
    risk_coverage,
    selective_interval,
    selective_variance,
)

__all__ = [
    "CalibrationBins",
    "DebiasedError",
    "GroupReplicates",
    "Interval",
    "Statistic",
    "accuracy_at_coverage",
    "area_interval",
    "area_under_risk_coverage",
    "area_variance",
    "auc_influence",
    "average_precision_influence",
    "average_precision_interval",
    "average_precision_variance",
    "calibrated_errors",
    "calibration_bins",
    "cell_bootstrap",
    "constant_variance",
    "debiased_error",
    "delong",
    "equal_mass_bins",
    "equal_width_bins",
    "expected_if_calibrated",
    "gaussian_group_replicates",
    "group_replicates",
    "max_t_gap",
    "max_t_ratio",
    "max_t_worst",
    "maximum_error_interval",
    "mean_error",
    "mean_interval",
    "quantile_interval",
    "ratio_interval",
    "risk_coverage",
    "roc_auc",
    "selective_interval",
    "selective_variance",
    "settling_n",
    "wilson",
]
