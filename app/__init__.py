"""The product: engine, command line and workbench."""
