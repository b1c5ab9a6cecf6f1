"""The kernels of native/c, one call each, for tests and benchmarks."""
