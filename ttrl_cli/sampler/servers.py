"""vLLM servers over HTTP: requests and their answers."""

from dataclasses import dataclass
from typing import Any

import httpx2

from ttrl_cli.errors import SetupError
from ttrl_cli.records import Json

_CONNECT = 10.0
_ANSWER = 3600.0
"""Seconds: a completion is one answer, however long it takes to write."""
_SCORE = 120.0
"""Seconds for whatever is not long."""
_LOADED = "has already been loaded"
"""What vLLM says of an adapter that it has, if the answer to the first request was lost."""
CONNECTIONS = 256
"""Requests that are with a server at a time; it decides what of them it computes together."""
UNTOUCHED = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""What leaves the model's distribution as it is; a server has other defaults from its model."""
_FATAL = 500
"""From this status on it is the server that failed, and another may do better."""


class ServerLostError(Exception):
    """A server cannot be reached, or failed; its requests go to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Tokens that a server returned.

    Attributes:
        token_ids: The tokens, the one that ended it included.
        logprobs: Of each, under the distribution it was drawn from, in nats.
        ended: Whether it ended by itself.
    """

    token_ids: list[int]
    logprobs: list[float]
    ended: bool


class Server:
    """One vLLM server.

    Args:
        url: Where it listens, without the `/v1`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.base = ""
        self.context = 0
        self.lost = ""
        self.adapters: list[str] = []
        self._client = httpx2.AsyncClient(
            base_url=self.url,
            limits=httpx2.Limits(max_connections=CONNECTIONS),
        )

    async def ask_models(self, prefix: str) -> None:
        """Ask for the base model's name and context, and for this run's adapters on the server.

        Args:
            prefix: The beginning of the names of this run's adapters.

        Raises:
            ServerLostError: If it does not answer.
            SetupError: If it is no vLLM server.
        """
        answer = await self._json("GET", "/v1/models", timeout=_CONNECT)
        try:
            base = next(model for model in answer["data"] if not model.get("parent"))
            self.base, self.context = base["id"], int(base["max_model_len"])
        except (KeyError, TypeError, StopIteration) as error:
            msg = f"{self.url} does not answer like a vLLM server: {str(answer)[:200]}"
            raise SetupError(msg) from error
        names = [model["id"] for model in answer["data"] if model.get("parent")]
        self.adapters = [name for name in names if name.startswith(prefix)]

    async def load(self, name: str, path: str) -> None:
        """Load an adapter, and unload all but the last two.

        Raises:
            ServerLostError: If it does not answer.
            SetupError: If it refuses.
        """
        await self._json("POST", "/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})
        self.adapters.append(name)
        while len(self.adapters) > 2:
            # one that was started anew meanwhile does not know it any more
            oldest = {"lora_name": self.adapters.pop(0)}
            await self._json("POST", "/v1/unload_lora_adapter", oldest, known=False)

    async def complete(self, *, timeout: float = _ANSWER, **options: Json) -> Piece:
        """Draw one completion.

        Raises:
            ServerLostError: If it does not answer.
            SetupError: If it refuses.
        """
        content = {"n": 1, "logprobs": 0, "return_token_ids": True, **UNTOUCHED, **options}
        body = await self._completion(content, timeout)
        (choice,) = body["choices"]
        return Piece(
            token_ids=choice["token_ids"],
            logprobs=choice["logprobs"]["token_logprobs"],
            ended=choice["finish_reason"] == "stop",
        )

    async def score(self, ids: list[int], model: str) -> list[float]:
        """Compute log-probabilities of all tokens of a prompt but the first, at temperature 1.

        Raises:
            ServerLostError: If it does not answer.
            SetupError: If it refuses.
        """
        content = {"model": model, "prompt": ids, "max_tokens": 1, "prompt_logprobs": 0}
        body = await self._completion(content, _SCORE)
        (choice,) = body["choices"]
        given = choice["prompt_logprobs"][1:]
        return [
            float(entry[str(token)]["logprob"]) for entry, token in zip(given, ids[1:], strict=True)
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _completion(self, content: dict[str, Json], timeout: float) -> Any:
        """Request a completion; return the answer.

        Raises:
            ServerLostError: If the server does not answer, or does not know the adapter any more.
            SetupError: If it refuses.
        """
        # a server that was started anew knows its model, and no adapter of ours
        known = content["model"] == self.base
        body = await self._json("POST", "/v1/completions", content, known=known, timeout=timeout)
        if body is None:
            msg = f"{self.url} does not know {content['model']} any more"
            raise ServerLostError(msg)
        return body

    async def _json(
        self,
        method: str,
        path: str,
        content: Json = None,
        *,
        known: bool = True,
        timeout: float = _SCORE,
    ) -> Any:
        """Send a request; return the answer as JSON, or as text if it is not JSON.

        Args:
            method: The HTTP method.
            path: The path on the server.
            content: The body, sent as JSON.
            known: False if the server may not know what the request names; the result is None then.
            timeout: Seconds to wait for the answer.

        Raises:
            ServerLostError: If the server does not answer, or fails.
            SetupError: If it refuses.
        """
        try:
            answer = await self._ask(method, path, content, timeout)
        except httpx2.TransportError as error:
            msg = f"{self.url}: {error or type(error).__name__}"
            raise ServerLostError(msg) from error
        if not known and answer.status_code == httpx2.codes.NOT_FOUND:
            return None
        if answer.status_code == httpx2.codes.BAD_REQUEST and _LOADED in answer.text:
            return None
        if answer.status_code >= _FATAL:
            msg = f"{self.url}: status {answer.status_code}: {answer.text[:200]}"
            raise ServerLostError(msg)
        if answer.is_error:
            raise SetupError(_refused(self.url, path, answer))
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json else answer.text

    async def _ask(self, method: str, path: str, content: Json, timeout: float) -> httpx2.Response:
        """Send a request, twice if the connection was lost: both sides close idle connections."""
        patience = httpx2.Timeout(timeout, connect=_CONNECT)
        try:
            return await self._client.request(method, path, json=content, timeout=patience)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            return await self._client.request(method, path, json=content, timeout=patience)


def _refused(url: str, path: str, answer: httpx2.Response) -> str:
    """Return the message for a request that a server understood and refused."""
    msg = f"{url}{path}: status {answer.status_code}: {answer.text[:500]}"
    if answer.status_code == httpx2.codes.NOT_FOUND and path.endswith("lora_adapter"):
        # a server that knows the path but not the adapter says so in an "error"
        msg += (
            "\ncan the server read that folder? --adapter-folder names one that it can"
            if '"error"' in answer.text
            else "\nstart the server with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora; "
            "docs/scaling.md has the whole line"
        )
    return msg
