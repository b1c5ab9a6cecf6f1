"""PJSIP's user agent registering, once more, and leaving: one JSON line with what the registrar said each time.

A process of its own, because PJSIP's library is the whole process's. `registrant.py REGISTRAR USER PASSWORD ALGORITHM`.
"""

from __future__ import annotations

import json
import os
import sys
import time

import pjsua2 as pj

WITHIN_S = 60.0


class Registrant(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, int]] = []

    def onRegState(self, told: pj.OnRegStateParam) -> None:
        self.told.append((told.code, told.expiration))


def run(registrar: str, user: str, password: str) -> list[tuple[int, int]]:
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    account, who = Registrant(), pj.AccountConfig()
    who.idUri, who.regConfig.registrarUri = f"sip:{user}@127.0.0.1", registrar
    who.regConfig.timeoutSec, who.regConfig.retryIntervalSec = 300, 0
    who.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    account.create(who)
    wait(endpoint, account, 1)
    if account.told and account.told[-1][0] == 200:
        account.setRegistration(True)
        wait(endpoint, account, 2)
        account.setRegistration(False)
        wait(endpoint, account, 3)
    return account.told


def wait(endpoint: pj.Endpoint, account: Registrant, answers: int) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while len(account.told) < answers and time.monotonic() < deadline_s:
        endpoint.libHandleEvents(20)


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])), flush=True)
    os._exit(0)  # PJSIP's destructors and Python's do not agree on an order
