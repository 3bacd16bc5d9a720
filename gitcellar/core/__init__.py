"""What things are: names, versions, tags, events, state and documents, as values.

This floor is pure. It may import neither a floor above nor git, dvc, click, the clock or the file system.
"""
