"""The portal's methods on the attribute path that mirrors their REST path; thin, without I/O."""
