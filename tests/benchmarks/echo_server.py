"""A server that keeps of each upload only the ids of its requests, and answers each of them with the same text.

python echo_server.py
"""

import json
import re
import sys
import threading
from http.server import ThreadingHTTPServer
from itertools import count
from typing import ClassVar

from rows_server import FILE, Handler, batch

IDS = re.compile(rb'\{"custom_id":"([^"]*)","method"')
BODY = {
    "id": "chatcmpl-1",
    "model": "openai/gpt-oss-20b",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": 6 * "The customer says that it came late and was broken. "},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 90, "completion_tokens": 60, "total_tokens": 150},
}
LINE = json.dumps(
    {"id": "batch_req_1", "custom_id": "ID", "response": {"status_code": 200, "request_id": "r", "body": BODY}}
).encode()
BEFORE, AFTER = LINE.split(b"ID")


class EchoHandler(Handler):
    numbers = count(1)
    ids: ClassVar[dict] = {}
    batches: ClassVar[dict] = {}

    def do_GET(self):  # noqa: N802 - as its base has it
        path = self.path.partition("?")[0]
        if path.endswith("/content"):
            results = b"".join(BEFORE + id_ + AFTER + b"\n" for id_ in self.ids[path.split("/")[-2]])
            self.head("application/octet-stream", len(results))
            self.wfile.write(results)
        elif path.endswith("/batches"):
            self.answer({"object": "list", "data": list(self.batches.values())})
        elif "/batches/" in path:
            self.answer(self.batches[path.split("/")[-1]])
        else:
            super().do_GET()

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        number = next(self.numbers)
        if self.path.endswith("/files"):
            self.ids[f"file_{number}"] = IDS.findall(body)
            self.answer(FILE | {"id": f"file_{number}", "bytes": len(body)})
            return
        file_id = json.loads(body)["input_file_id"]
        made = batch(len(self.ids[file_id])) | {"id": f"batch_{number}", "input_file_id": file_id}
        made["output_file_id"] = file_id
        self.batches[made["id"]] = made
        self.answer(made)


def main():
    with ThreadingHTTPServer(("127.0.0.1", 0), EchoHandler) as server:
        print(server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # until the parent closes the pipe
        server.shutdown()


if __name__ == "__main__":
    main()
