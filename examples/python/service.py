"""A service that asks Latchkey, at each request, whether its client's key or token is good for it.

GET /spaces/<id>/report needs agents:read in that space. LATCHKEY_KEY is the service's own key
(`keys:read`, `keys:verify`).
"""

import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from latchkey import send

URL = os.environ.get("LATCHKEY_URL", "http://127.0.0.1:4000")
OWN_KEY = os.environ["LATCHKEY_KEY"]


def verify(credential, permission, space, address):
    """Latchkey's verdict: (status to answer the client with, its word, headers).

    Whatever is not a verdict is 503: the client is neither let in nor refused for good.
    """
    if not (credential.isascii() and credential.isprintable()):
        return 401, "MALFORMED", {}
    question = urlencode({"permission": permission, "space": space, "ip": address})
    headers = {"Latchkey-Verifier": OWN_KEY, "Authorization": credential}
    status, answer, _ = send(f"{URL}/verify?{question}", headers, timeout=5)
    verdict = answer.get("Latchkey-Verdict")
    if status not in (204, 401, 403) or verdict is None:
        return 503, "UNKNOWN", {"Retry-After": "1"}
    if verdict == "RATE_LIMITED":
        return 429, verdict, {"Retry-After": answer["Retry-After"]}
    return status, verdict, answer


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        path = re.fullmatch(r"/spaces/(spc_[0-9a-z]+)/report", self.path)
        if path is None:
            return self.answer(404, "There is nothing here.")
        credential = self.headers.get("Authorization", "")
        # Behind a proxy of yours: the address that it forwards.
        address = self.client_address[0]
        status, verdict, headers = verify(credential, "agents:read", path[1], address)
        if status == 204:
            return self.answer(200, f"A report for {headers['Latchkey-Key-Id']}.")
        # Only these: others of Latchkey's headers are for the service alone.
        kept = {"Retry-After": headers["Retry-After"]} if "Retry-After" in headers else {}
        return self.answer(status, verdict, kept)

    def answer(self, status, text, headers=None):
        body = f"{text}\n".encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Service)
    print(f"The service listens on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
