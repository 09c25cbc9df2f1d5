//! Plugins that the suites run, each an example of this package. A plugin that can do several things is told which by
//! the first line of its input.
