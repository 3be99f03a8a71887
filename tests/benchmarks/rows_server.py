"""A server that costs next to nothing: it throws uploads away, and sends prepared files as results.

python rows_server.py FILE [ROWS]

With ROWS, a batch that is created has that many rows, and its results are FILE; where its first row is not the first
of all, they are FILE.1, which has the next 50,000 rows, and so on.
"""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 1 << 20
BATCH_ROWS = 50_000
BATCH = re.compile(r"batch_(\d+)(?:_(\d+))?")
FIRST_ROW = re.compile(rb'"custom_id": ?"[0-9a-f]+-(\d+)"')
FILE = {"id": "file_in", "object": "file", "created_at": 1, "filename": "rows.jsonl", "purpose": "batch"}
MODELS = [{"id": "openai/gpt-oss-20b", "object": "model", "created": 1, "owned_by": "OpenAI"}]


def batch(rows, number=0):
    return {
        "id": f"batch_{rows}_{number}",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": None,
        "input_file_id": FILE["id"],
        "completion_window": "24h",
        "status": "completed",
        "output_file_id": f"file_{number}",
        "error_file_id": None,
        "request_counts": {"total": rows, "completed": rows, "failed": 0},
        "metadata": None,
        "created_at": 1,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body would wait up to 40 ms until its head is acknowledged
    results = Path()
    rows = 0

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.endswith("/content"):
            number = int(path.split("/")[-2].removeprefix("file_"))
            results = self.results.with_name(f"{self.results.name}.{number}") if number else self.results
            self.head("application/octet-stream", results.stat().st_size)
            with results.open("rb") as file:
                self.connection.sendfile(file)
        elif found := BATCH.search(path):
            self.answer(batch(int(found[1]), int(found[2] or 0)))
        else:
            self.answer({"object": "list", "data": MODELS if path.endswith("/models") else []})

    def do_POST(self):
        size = left = int(self.headers["Content-Length"])
        piece = memoryview(bytearray(min(PIECE, size)))
        begin = b""
        while left and (read := self.rfile.readinto(piece[:left])):
            begin = begin or bytes(piece[: min(read, 1 << 16)])
            left -= read
        if self.path.endswith("/files"):
            row = FIRST_ROW.search(begin)
            number = int(row[1]) // BATCH_ROWS if row else 0
            self.answer(FILE | {"id": f"file_{number}", "bytes": size})
        else:
            number = int(json.loads(begin)["input_file_id"].removeprefix("file_"))
            self.answer(batch(min(self.rows - number * BATCH_ROWS, BATCH_ROWS), number))

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
