"""Whose request it is: the network that limits count by."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

from portal.serving.environ import Scope

FORWARDED_FOR = b"x-forwarded-for"


def visitor_of(scope: Scope, hops: int) -> str:
    """The network of whoever asks; behind so many trusted proxies, whom the first of them names.

    The rule is ProxyFix's: the address that stands so many places from the end.
    """
    peer = str((scope.get("client") or ("",))[0])
    if hops:
        named = b",".join(text for name, text in scope["headers"] if name == FORWARDED_FOR)
        addresses = named.decode("latin-1").split(",")
        if named and len(addresses) >= hops:
            peer = addresses[-hops].strip()
    return network_of(peer)


@lru_cache(maxsize=10_000)
def network_of(address: str) -> str:
    """An IPv4 address itself, an IPv6 household's /64; what is no address stays as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if found.version == 6:
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)
