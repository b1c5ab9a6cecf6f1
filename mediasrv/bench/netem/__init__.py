"""One direction of an imperfect network, as pure state: a datagram and the time go in, deliveries come out.

A link is a chain, in the order in which a real path does it to a packet:

    lost?  ->  bottleneck queue  ->  path (route, skew, spikes)  ->  jitter  ->  out of order?  ->  twice?

Each impairment draws from a random stream of its own, derived from the seed. So the same seed gives the same
run, and making a link lossier does not change the jitter of the packets that survive.

Two kinds of lateness are kept apart, because receivers must tell them apart too. *Jitter* here is queueing:
a late packet holds up those behind it, and order is kept. *Reordering* is another path: a packet leaves the
order of the queue altogether. Only `reorder` ever lets one packet overtake another.

Left out on purpose: fragmentation, corruption (UDP drops what is corrupt), and congestion that answers to
what we send, beyond the bottleneck queue itself.
"""

from mediasrv.bench.netem.impairments import (
    Bottleneck,
    Jitter,
    Loss,
    Profile,
    RatedBottleneck,
    RouteChange,
    Spikes,
)
from mediasrv.bench.netem.link import Delivery, Link, LinkStatistics
from mediasrv.bench.netem.profiles import PROFILES
from mediasrv.bench.netem.rates import Rates, lte_like

__all__ = [
    "PROFILES",
    "Bottleneck",
    "Delivery",
    "Jitter",
    "Link",
    "LinkStatistics",
    "Loss",
    "Profile",
    "RatedBottleneck",
    "Rates",
    "RouteChange",
    "Spikes",
    "lte_like",
]
