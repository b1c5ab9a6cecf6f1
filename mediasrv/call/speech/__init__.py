"""What a turn sounds like: its passages in order, what is ready before it is wanted, and what fills a silence."""
