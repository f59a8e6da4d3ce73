"""Checkpoints: one file a model family, all behind the protocol of :mod:`auditkit.models.base`."""
