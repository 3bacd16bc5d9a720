"""The command line: one file per family of verbs over the Python API. Only here is click imported."""
