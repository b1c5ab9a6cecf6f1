"""Who the network says is calling, signed (STIR/SHAKEN: RFC 8224, 8225, 8226 and 8588): reading and judging it.

Pure: the certificate is fetched by whoever asks, and the time of day is an argument. Left out on purpose: the compact
form of a PASSporT, which SHAKEN forbids; revocation lists; and which provider may speak for which number, which only
the numbering authority's database can say.
"""

from mediasrv.sip.stir.chain import UntrustedChain, signer_of
from mediasrv.sip.stir.passport import Passport, read_passport
from mediasrv.sip.stir.vetting import Finding, Verdict, Vetting

__all__ = [
    "Finding",
    "Passport",
    "UntrustedChain",
    "Verdict",
    "Vetting",
    "read_passport",
    "signer_of",
]
