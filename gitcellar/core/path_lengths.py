"""How long may a path be, so that every file system takes it, and what is written beside it too?"""

MAX_PATH = 1000
# A file name has 255 bytes, and what is saved or written beside a file has a longer name than the file.
MAX_PART = 200


def find_length_fault(path: str) -> str | None:
    """What is wrong with the length of a path with `/` between its parts, or with a character that no file name has."""
    try:
        parts = [part.encode() for part in path.split("/")]
    except UnicodeEncodeError:
        return "it has a lone surrogate"
    if len(path) > MAX_PATH:
        return f"it has {len(path)} characters, and {MAX_PATH} are the most"
    if max(map(len, parts)) > MAX_PART:
        return f"a part of it has more than {MAX_PART} bytes"
    return None
