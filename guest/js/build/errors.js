// The two ways in which a build fails, told apart by the exit code.

/** A mistake in the author's source: exit code 1. */
export class SourceError extends Error {}

/** The command cannot be carried out as it was called, or a tool is missing: exit code 2. */
export class UsageError extends Error {}
