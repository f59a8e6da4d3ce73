"""Files that checks need besides model and data: found, digested, fetched."""

from auditkit.resources.base import Found, Resource, Resources

__all__ = ["Found", "Resource", "Resources"]
