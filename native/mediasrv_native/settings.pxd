# What a stream is asked to be, as Python says it, in the struct that the core takes.
from mediasrv_native.ms_core cimport ms_address, ms_config

cdef int to_config(dict settings, ms_config *out) except -1
cdef int to_address(object pair, ms_address *out) except -1
cdef object from_address(const ms_address *address)
