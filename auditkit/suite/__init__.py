"""YAML → :class:`Suite`: what to audit, and what it must fulfil.

Unknown keys and bad values are refused, with the file and the line. Nothing heavy is imported.
"""

from auditkit.suite.descriptions import field_descriptions
from auditkit.suite.document import KeyPath
from auditkit.suite.finding import SuiteListing, find_suites
from auditkit.suite.loading import is_suite, load_requirements, load_suite
from auditkit.suite.schema import (
    RESERVED_GROUPS,
    SCHEMA,
    CardTexts,
    CheckConfig,
    DataConfig,
    Requirement,
    Suite,
    content_digest,
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
    "content_digest",
    "field_descriptions",
    "find_suites",
    "is_suite",
    "load_requirements",
    "load_suite",
]
