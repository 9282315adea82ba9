"""The version of the code, which every record names."""

__version__ = "0.1.0"
