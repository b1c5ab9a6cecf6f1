"""Fakes that keep the contracts of the real thing, in virtual time."""
