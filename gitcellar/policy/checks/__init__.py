"""One file per family of rules. Each lists its `CHECKS`: a rule, and the function that finds where it is broken.

Pure. May import core, policy.change, policy.rules and policy.schemes.
"""
