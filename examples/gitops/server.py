"""A model server as small as can be: it answers with the weights that a link leads to, and says their digest.

    python server.py FOLDER PORT_FILE

FOLDER is what `gitcellar agent` keeps for a stage (MODEL/STAGE/current). GET / predicts, GET /health says whether what
is served reads held-out pictures. It listens on loopback alone, on a port that was free, and writes it to PORT_FILE.
"""

from __future__ import annotations

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import digits

ENOUGH = 0.5


class Served:
    """The weights that are served: looked up at every request, for the link may lead elsewhere by now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _, _, self.pixels, self.labels = digits.load_data("factory")

    def find(self) -> Path:
        """The file behind the link. Raise FileNotFoundError where nothing is served yet."""
        found = sorted(self.folder.resolve().glob("*.safetensors"))
        if not found:
            raise FileNotFoundError(self.folder)
        return found[0]

    def answer(self, path: str) -> tuple[int, dict[str, object]]:
        """The status and the document of a request."""
        try:
            weights = self.find()
            seen = digits.predict(weights, self.pixels)
        except OSError:
            return 503, {"error": "nothing is served yet"}
        right = float((seen == self.labels).mean())
        if path == "/health":
            return (200 if right >= ENOUGH else 503), {"accuracy": right}
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        return 200, {"digest": digest, "sees": int(seen[0]), "is": int(self.labels[0])}


def main() -> None:
    """Serve until told to stop."""
    served = Served(Path(sys.argv[1]))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = served.answer(self.path)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Path(sys.argv[2]).write_text(str(server.server_port))
    server.serve_forever()


if __name__ == "__main__":
    main()
