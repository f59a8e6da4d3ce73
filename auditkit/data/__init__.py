"""Hub id, CSV, TSV, JSON Lines or Parquet → :class:`Examples`, an Arrow table on disk.

Every format ends in the same columns with the same spelling, so that the same content has the same
fingerprint. What cannot be used is refused with the file and the line, or the row, it is on.
"""

from auditkit.data.examples import Examples
from auditkit.data.loading import load_examples

__all__ = ["Examples", "load_examples"]
