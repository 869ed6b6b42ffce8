"""FoundationError: an error the user can act on; the command line prints its one sentence and exits with status 1."""


class FoundationError(ValueError):
    """Says what was got, what was wanted and what to type. A ValueError, so that Python callers need not know it."""
