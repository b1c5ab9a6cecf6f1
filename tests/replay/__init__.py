"""The room `replay`: the file, the order of tasks, and calls that are run again."""
