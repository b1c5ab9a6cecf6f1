"""Speech to text on this machine: PocketSphinx (extra `local`), each stream in a worker process of its own.

The recogniser expects what the agent's callers are expected to say, and says honestly when it heard something else.
"""
