"""What the portal's objects look like to Python: frozen classes by noun, without I/O."""
