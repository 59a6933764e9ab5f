"""A home in somebody else's server: import the module named after yours, and nothing of another is imported."""
