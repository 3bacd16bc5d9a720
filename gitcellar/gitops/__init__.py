"""What runs, and what should: events, desired state, and the machines that serve.

May import core, policy, store and cellar.
"""
