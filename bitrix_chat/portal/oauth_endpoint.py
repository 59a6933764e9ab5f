"""The authorization server's two pages: tokens for programs, consent for humans."""

from collections.abc import Awaitable, Callable
from typing import Final, final
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from bitrix_chat.portal.faults import Cut, FaultScript
from bitrix_chat.portal.front import reset, sent, truncated
from bitrix_chat.portal.http import Answer, rest_answer
from bitrix_chat.portal.oauth import AUTH_HOST, AuthorizationServer
from bitrix_chat.portal.policy import PortalPolicy
from bitrix_chat.portal.state import ADMIN_ID

TOKEN_PATHS: Final = frozenset({"/oauth/token", "/oauth/token/"})
AUTHORIZE_PATHS: Final = frozenset({"/oauth/authorize", "/oauth/authorize/"})


@final
class OAuthEndpoint:
    """Serves the authorization server over the portal's socket; no limiter stands in front of it."""

    def __init__(
        self,
        authorization: AuthorizationServer,
        *,
        faults: FaultScript,
        policy: PortalPolicy,
        sleep: Callable[[float], Awaitable[object]],
        redirect_uri: str,
    ) -> None:
        self._authorization = authorization
        self._faults = faults
        self._policy = policy
        self._sleep = sleep
        self._redirect_uri = redirect_uri

    async def tokens(self, request: web.BaseRequest) -> web.StreamResponse:
        """Exchange a code or renew a pair; a fault for `oauth/token` comes first."""
        fault = self._faults.take("oauth/token", rest=False)
        if fault is None:
            return sent(await self._issue(request))
        await self._sleep(fault.delay)
        issued = await self._issue(request) if fault.executes else Answer(200, b"", {})
        await self._sleep(fault.delay_after)
        answer = Answer(*fault.answer()) if fault.answers else issued
        if fault.cut is Cut.TRUNCATE:
            return await truncated(request, answer)
        return sent(answer) if fault.cut is None else reset(request)

    async def _issue(self, request: web.BaseRequest) -> Answer:
        params = dict(parse_qsl(request.query_string))
        if request.method == "POST":
            if self._policy.post_to_tokens == "method_not_allowed":
                return Answer(405, b"<html><body>405 Not Allowed</body></html>", {"Content-Type": "text/html"})
            body = await request.content.read()
            params |= dict(parse_qsl(body.decode(errors="replace"))) if self._policy.post_to_tokens == "serve" else {}
        status, shown = self._authorization.answer(request.method, params)
        return rest_answer(status, shown)

    def consent(self, request: web.BaseRequest) -> web.StreamResponse:
        """Agree at once, as the administrator; what is wrong is shown to the human and never redirected."""
        params = dict(parse_qsl(request.query_string))
        grant = self._authorization.grant
        if params.get("client_id") != grant.client_id:
            return web.Response(status=400, text="<html><body>Unknown application</body></html>")
        query = {
            "code": self._authorization.code(ADMIN_ID),
            "state": params.get("state", ""),
            "domain": request.host,
            "member_id": grant.member_id,
            "scope": grant.scope,
            "server_domain": AUTH_HOST,
        }
        return web.Response(status=302, headers={"Location": f"{self._redirect_uri}?{urlencode(query)}"})
