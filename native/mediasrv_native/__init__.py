"""The native media plane: C kernels and the engine, bound by Cython. Only mediasrv.media imports it."""
