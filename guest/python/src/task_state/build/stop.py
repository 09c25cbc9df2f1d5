"""Why a build stops, for whoever has to mend it."""

from __future__ import annotations


class Stop(Exception):
    """The build cannot go on; the text says why and what to do."""

    #: The exit code of the command.
    code = 2


class Mistake(Stop):
    """A mistake in the author's source. The text begins with file and line."""

    code = 1


class Missing(Stop):
    """A tool or a package that the build needs; the text names the command that installs it."""
