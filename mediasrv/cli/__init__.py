"""The command line: reads what is asked, calls the room that can do it, prints.

One style for all commands: `--json` prints one JSON object on stdout in place of text for people; what is wrong goes
to stderr as one line, with status 2 when the question or a setting was wrong and 1 when the answer is bad.
"""

from mediasrv.cli.commands import commands, main

__all__ = ["commands", "main"]
