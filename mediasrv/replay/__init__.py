"""A call that was, run once more: what entered it from outside is kept, and later put in place of the world.

Recording: `steps` makes the order of tasks and the time they see a thing that can be written down, `recorder` writes
it, `edges` tells it what providers, leg and stream brought. Repeating: `stage` runs the passes again, `substitutes` and
`substitute_leg` stand for the world, `repeat` puts a call between them, and `difference` says what was not the same.
`tape` is the file, `outcomes` what stands in it.
"""
