"""Evaluators: one file a dimension, all behind the contract of :mod:`auditkit.evaluators.base`."""
