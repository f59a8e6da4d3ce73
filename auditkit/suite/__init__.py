"""YAML → :class:`Suite`: what to audit, and what it must fulfil.

Unknown keys and bad values are refused, with the file and the line. Nothing heavy is imported.
"""

from auditkit.suite.document import KeyPath
from auditkit.suite.loading import SuiteListing, find_suites, load_requirements, load_suite
from auditkit.suite.schema import (
    RESERVED_GROUPS,
    SCHEMA,
    CardTexts,
    CheckConfig,
    DataConfig,
    Requirement,
    Suite,
)

__all__ = [
    "RESERVED_GROUPS",
    "SCHEMA",
    "CardTexts",
    "CheckConfig",
    "DataConfig",
    "KeyPath",
    "Requirement",
    "Suite",
    "SuiteListing",
    "find_suites",
    "load_requirements",
    "load_suite",
]
