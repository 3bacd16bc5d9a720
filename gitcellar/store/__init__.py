"""The outside world: git, DVC, files and the environment, each behind one module.

May import core alone; no rule lives here.
"""
