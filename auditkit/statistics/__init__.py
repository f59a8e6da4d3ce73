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

__all__ = [
    "GroupReplicates",
    "Interval",
    "Statistic",
    "area_interval",
    "area_variance",
    "auc_influence",
    "average_precision_influence",
    "average_precision_interval",
    "average_precision_variance",
    "cell_bootstrap",
    "constant_variance",
    "delong",
    "gaussian_group_replicates",
    "group_replicates",
    "max_t_gap",
    "max_t_ratio",
    "max_t_worst",
    "mean_interval",
    "ratio_interval",
    "roc_auc",
    "settling_n",
    "wilson",
]
