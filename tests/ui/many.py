"""A server with an account of very many batches, which it makes up as they are asked for."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 100


def batch(number, total, key):
    """One of them: the newest has the largest number. Its owner's task is called as the key."""
    return {
        "id": f"batch_{number:08}",
        "object": "batch",
        "status": "completed",
        "created_at": 1_790_000_000 - (total - number),
        "request_counts": {"total": 10, "completed": 10, "failed": 0},
        "output_file_id": "file_1",
        "metadata": {"airflow_dag_id": "open" if number == 1 else "elsewhere", "airflow_task_id": key},
    }


@contextmanager
def account_of(total, page=PAGE):
    """The server's address, and the queries that it was asked."""
    queries = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            query = parse_qs(urlsplit(self.path).query)
            queries.append(query)
            first = int(query["cursor"][0]) if "cursor" in query else total
            last = max(first - page, 0)
            key = self.headers["Authorization"].removeprefix("Bearer ")
            answer = {
                "object": "list",
                "data": [batch(number, total, key) for number in range(first, last, -1)],
                "paging": {"next_cursor": str(last)} if last else {},
            }
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", queries
        server.shutdown()
        thread.join()
