"""A server that costs next to nothing: it throws uploads away, and sends one prepared file as any batch's results.

python rows_server.py FILE [ROWS]

With ROWS, a batch that is created has that many rows.
"""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 1 << 20
ROWS = re.compile(r"batch_(\d+)")
FILE = {"id": "file_in", "object": "file", "created_at": 1, "filename": "rows.jsonl", "purpose": "batch"}
MODELS = [{"id": "openai/gpt-oss-20b", "object": "model", "created": 1, "owned_by": "OpenAI"}]


def batch(rows):
    return {
        "id": f"batch_{rows}",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": None,
        "input_file_id": FILE["id"],
        "completion_window": "24h",
        "status": "completed",
        "output_file_id": "file_out",
        "error_file_id": None,
        "request_counts": {"total": rows, "completed": rows, "failed": 0},
        "metadata": None,
        "created_at": 1,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    results = Path()
    rows = 0

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.endswith("/content"):
            self.head("application/octet-stream", self.results.stat().st_size)
            with self.results.open("rb") as file:
                self.connection.sendfile(file)
        elif found := ROWS.search(path):
            self.answer(batch(int(found[1])))
        else:
            self.answer({"object": "list", "data": MODELS if path.endswith("/models") else []})

    def do_POST(self):
        size = left = int(self.headers["Content-Length"])
        piece = memoryview(bytearray(min(PIECE, size)))
        while left and (read := self.rfile.readinto(piece[:left])):
            left -= read
        self.answer(FILE | {"bytes": size} if self.path.endswith("/files") else batch(self.rows))

    def answer(self, value):
        body = json.dumps(value).encode()
        self.head("application/json", len(body))
        self.wfile.write(body)

    def head(self, kind, size):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_):
        pass


def main():
    Handler.results = Path(sys.argv[1])
    Handler.rows = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # until the parent closes the pipe
        server.shutdown()


if __name__ == "__main__":
    main()
