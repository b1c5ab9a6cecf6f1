"""A softphone on PJSIP's own stack: an independent peer to try the server with.

\b
python -m tools.softphone sip:100@127.0.0.1:5060 --say "do you hear me?" --record heard.wav
python -m tools.softphone sip:200@127.0.0.1:5060 --plan sip_config/softphone/menu.toml --json
python -m tools.softphone --listen --registrar sip:127.0.0.1:5060 --user anna --password secret
python -m tools.softphone --interactive sip:300@127.0.0.1:5060

It calls over UDP, or what the URI says (`;transport=tcp`, `;transport=tls`: the certificate is not looked at). It
offers G.711, or what --codec says. It has no sound device: it plays a WAV file (16-bit, mono) or words into the call
and records what it hears into another. A plan (tools/softphone/plan.py) does more, and in several calls at once:
holds, blind and attended transfers, keys by any way, each at its time or when something happens.
"""

# PJSIP (GPL) comes in the `pjsua2-python` wheel of the `test` extra and is never part of the server.
