"""The version, where the package itself need not be imported for it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
