"""Bulk creation as durable jobs: one job a key, by any engine, any number of workers, on any number of machines."""
