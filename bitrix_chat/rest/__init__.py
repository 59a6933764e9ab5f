"""One exchange with the portal before any I/O: pure values and functions."""
