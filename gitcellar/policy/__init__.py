"""What is allowed: the cellar's policy, what a request would write, and the one judge of it.

Pure. May import core alone.
"""
