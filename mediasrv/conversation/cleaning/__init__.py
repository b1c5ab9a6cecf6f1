"""What the caller said, cleaned before anything reads it: by rules, in less than two milliseconds.

Three levels: `none` leaves the words alone, `light` takes out what is no word (fillers, stutters, words said twice),
and `full` also takes back false starts and writes numbers, e-mail addresses and telephone numbers as they are written.
The raw text is kept beside the clean one, with the name of every rule that changed something.
"""

from mediasrv.conversation.cleaning.cleaner import Cleaned, Cleaning, clean

__all__ = ["Cleaned", "Cleaning", "clean"]
