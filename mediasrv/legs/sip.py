"""A leg over a SIP trunk: its session is negotiated with SDP, its sound is one RTP stream of the engine's.

The offer decides the codec before the stream exists, and the stream's port must stand in the answer: so the offer
is negotiated once to learn what the stream must be, and again, purely, with the port it got. An INVITE without an
offer is answered with one of ours that names a single codec, because the stream is open before the ACK says what
was chosen.
"""
