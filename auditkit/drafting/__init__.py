"""A first suite from a data file: look at the columns, guess what they are, write it down.

Nothing here runs a model; the texts that are looked at are measured and counted, never shown.
"""

from auditkit.drafting.guessing import Draft, Guess, guess_columns
from auditkit.drafting.profiles import ColumnProfile, Sample, sample_file
from auditkit.drafting.writing import describe_rows, write_suite

__all__ = [
    "ColumnProfile",
    "Draft",
    "Guess",
    "Sample",
    "describe_rows",
    "guess_columns",
    "sample_file",
    "write_suite",
]
