"""The command line and the supervisor."""

__version__ = "0.1.0"
