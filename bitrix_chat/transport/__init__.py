"""Everything that sends a request: each layer wraps the next, and `client` writes their order down."""
