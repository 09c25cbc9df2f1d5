"""A module of a package without a file of its own."""

NAME = __name__
