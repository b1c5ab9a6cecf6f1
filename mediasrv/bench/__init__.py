"""Measuring: the instruments, the network that can be had without one, and the benchmarks `mediasrv bench` runs.

From outside, that is: callers with labelled speech, a native wire that logs every packet, and the figures. What is
here knows the other rooms; none of them knows it.
"""
