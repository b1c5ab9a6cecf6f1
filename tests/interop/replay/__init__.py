"""Calls in real time that are recorded, and run again in virtual time."""
