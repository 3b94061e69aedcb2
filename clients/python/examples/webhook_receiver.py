"""Prints what the webhooks of tallywire say: WEBHOOK_SECRETS=whsec_... python webhook_receiver.py

While a secret is rotated, WEBHOOK_SECRETS has both, with a blank between. It listens on a free port of 127.0.0.1.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tallywire import webhooks

SECRETS = os.environ["WEBHOOK_SECRETS"].split()
MOST_BYTES = 1 << 20


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if length > MOST_BYTES:
            self.send_error(413)
            return
        try:
            event = webhooks.verify(SECRETS, dict(self.headers), self.rfile.read(length))
        except webhooks.InvalidWebhook as error:
            self.send_error(400, explain=str(error))
            return
        print(event.message_id, event.type, json.dumps(event.data), flush=True)  # a real one drops ids that it has had
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print("listening on 127.0.0.1:", server.server_port, sep="", flush=True)
    server.serve_forever()
