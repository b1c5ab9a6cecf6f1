"""Stories of two who talk: who has the floor, who loses it, and what each of them knows of that afterwards.

A story is a function that says what the caller does, what the agent has to say, and what must come of it. The seed
draws its moments, the pace of recogniser, model and voice, and the line; what must come of it stays the same. `agent`
writes the script that the agent follows, `story` is the book and what a story has in its hands, `account` reads what
came of it, `expectations` judges that. `stories` are the book's chapters.
"""
