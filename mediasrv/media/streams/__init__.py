"""One stream as trio sees it, and what it is made of: voice, ears, events, recordings, and the engine's words for them.

Each part is told by the native engine what happened, and tells whoever waits for it. Nothing here knows of threads.
"""

from mediasrv.media.streams.orders import Orders
from mediasrv.media.streams.recording import Recording, RecordingFailed, Recordings
from mediasrv.media.streams.stream import Stream

__all__ = ["Orders", "Recording", "RecordingFailed", "Recordings", "Stream"]
