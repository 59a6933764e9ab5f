"""What machines share by a Redis or Valkey server: the one package that imports redis-py, by the extra `redis`."""
