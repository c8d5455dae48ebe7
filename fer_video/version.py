"""The version, for modules that must not import the package."""

__all__ = ["__version__"]

__version__ = "0.1.0"
