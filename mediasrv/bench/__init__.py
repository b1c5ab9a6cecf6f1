"""Measuring from outside: callers with labelled speech, a native wire that logs every packet, and the figures."""
