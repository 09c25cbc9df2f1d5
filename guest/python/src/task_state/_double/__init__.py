"""The native double of a host: a store in memory with the host's rules, for tests outside a component."""
