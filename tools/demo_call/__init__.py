"""The example call of docs/examples/demo-call, made again: a server, a caller, and what is left of it as files."""
