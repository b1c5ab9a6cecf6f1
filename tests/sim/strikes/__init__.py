"""Something happens at the nth checkpoint of a call, whatever that checkpoint is; and afterwards all must hold.

A call's tasks are those that descend from the reception of its INVITE: its leg, its ears, its turns, its tools, whom it
has dialled. Each step of each of them ends at a checkpoint. On a path without delay a message that is sent at a
checkpoint is there before the next one, and the same seed gives the same checkpoint the same number; so every pair of a
checkpoint and a deed is a run of its own, and can be had again.

`calls` are what is struck, `deeds` with what; `mortal` are providers that can be made to die; `books` are asked besides
the invariants of every call; `sweep` tries all pairs.
"""
