"""Oracles: slow, clear forms of what the native kernels do, and the sounds they are tried on."""
