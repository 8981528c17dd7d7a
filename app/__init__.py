"""The product: engine, command line and workbench."""

__version__ = "0.1.0"
