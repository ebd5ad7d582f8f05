"""A client of Latchkey's API, with the standard library of Python 3.11 alone."""

import json
import random
import time
import urllib.error
import urllib.request
from http.client import HTTPException

MAX_ATTEMPTS = 8
# RATE_LIMITED, SERVICE_UNAVAILABLE, and what a proxy answers in its place.
TEMPORARY = (429, 502, 503, 504)


class LatchkeyError(Exception):
    """The API refused a request or a field of it. `code` is one of those in Latchkey's docs/api.md."""

    def __init__(self, error):
        extensions = error["extensions"]
        self.code = extensions["code"]
        super().__init__(f"{self.code}: {error['message']} (request {extensions.get('requestId')})")


def send(url, headers, body=None, timeout=30):
    """One request: (status, headers, body). An answer that was lost on the way counts as 503."""
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
    except (OSError, HTTPException) as error:
        return 503, {}, str(error).encode()


def ask(url, secret, query, variables=None):
    """Sends a GraphQL operation and returns its data.

    Over a limit, and while the server is away, it waits for as long as Retry-After says and a random
    time on top, which doubles, and sends the operation again: give it only what may run twice.
    Raises LatchkeyError when the API refuses the operation.
    """
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    body = json.dumps({"query": query, "variables": variables}).encode()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        status, answered, text = send(url, headers, body)
        if status not in TEMPORARY:
            answer = json.loads(text)
            if answer.get("errors"):
                raise LatchkeyError(answer["errors"][0])
            return answer["data"]
        if attempt < MAX_ATTEMPTS:
            retry_after = answered.get("Retry-After", "")
            wait = int(retry_after) if retry_after.isdecimal() else 0
            time.sleep(wait + random.uniform(0, min(30, 0.25 * 2**attempt)))
    raise OSError(f"HTTP {status} after {MAX_ATTEMPTS} attempts: {text.decode(errors='replace')}")
