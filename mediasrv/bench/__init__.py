"""Measuring: load from outside, figures that can be repeated, and networks as bad as real ones.

Nothing in this room is part of a call; it stands above the server and looks at it the way a caller does.
"""
