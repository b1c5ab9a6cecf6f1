"""What was written to be read, put so that it can be spoken.

`markup` takes out what only the eye needs (Markdown, emoji, code) and reads addresses aloud; `figures` says numbers,
money, dates, times and telephone numbers as people say them. Figures are read in English; in any other language they
are left to the voice, which knows better than a rule of ours.
"""

from mediasrv.conversation.speakable.shaper import Shaper

__all__ = ["Shaper"]
