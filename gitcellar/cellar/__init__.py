"""The use cases: what somebody does with a cellar. The Python API, on which every door stands.

May import core, policy and store. Nothing here prints, exits or asks.
"""
