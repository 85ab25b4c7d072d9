"""The OPTIONS of a check, made with sippy: asked once, and once more with credentials where they
are asked for."""

from collections.abc import Callable
from typing import Any, Final

from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipCSeq import SipCSeq
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL

from outdial_server.carriers.sip.messages import Party

CHALLENGES: Final = {401: "www-authenticate", 407: "proxy-authenticate"}


class Options:
    """`tell` is given the code of the final answer, 408 where none came."""

    def __init__(
        self, transactions: Any, party: Party, sip_call_id: str, tell: Callable[[int], None]
    ) -> None:
        self._transactions = transactions
        self._party = party
        self._tell = tell
        self._url = SipURL(party.uri)
        self._call_id = SipCallId(sip_call_id)
        self._from = from_of(party, sip_call_id.partition("@")[0])
        self._tries = 0

    def send(self, authorization: Any = None) -> None:
        self._tries += 1
        request = SipRequest(
            method="OPTIONS",
            ruri=self._url,
            to=to_of(self._party),
            fr0m=self._from,
            cseq=SipCSeq(cseq=self._tries).cseq,
            callid=self._call_id,
            contact=SipContact(),
            target=((self._party.address, self._party.port), "udp"),
        )
        if authorization is not None:
            request.appendHeader(SipHeader(body=authorization))
        self._transactions.newTransaction(request, resp_cb=self._answered)

    def _answered(self, answer: Any) -> None:
        code = answer.getSCode()[0]
        if code < 200:
            return
        authorization = self._authorization(answer, code) if self._tries == 1 else None
        if authorization is None:
            self._tell(code)
        else:
            self.send(authorization)

    def _authorization(self, answer: Any, code: int) -> Any:
        header = CHALLENGES.get(code)
        if header is None or not self._party.username:
            return None
        for challenge in answer.getHFBodys(header):
            is_known, quality = challenge.supportedAlgorithm()
            if is_known:
                return challenge.genAuthHF(
                    self._party.username,
                    self._party.password,
                    "OPTIONS",
                    str(self._url),
                    None,
                    quality,
                )
        return None


def to_of(party: Party) -> Any:
    return SipTo(address=SipAddress(url=SipURL(party.uri), hadbrace=True))


def from_of(party: Party, tag: str) -> Any:
    url = SipURL(username=party.from_user, host=party.from_host)
    found = SipFrom(address=SipAddress(url=url, hadbrace=True, name=party.from_name or None))
    found.setTag(tag)
    return found
