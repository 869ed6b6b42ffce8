"""Errors the user can act on; the command line prints their one sentence and exits with status 1."""


class FoundationError(ValueError):
    """Says what was got, what was wanted and what to type. A ValueError, so that Python callers need not know it."""


class RecordError(FoundationError):
    """A record whose parts do not fit together; the message says which, and what to do."""
