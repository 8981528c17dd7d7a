"""The workbench's widgets, one module each."""
