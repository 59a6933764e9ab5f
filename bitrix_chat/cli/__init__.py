"""The command line: a command for every method, made from the library itself, and a module for each other one."""
