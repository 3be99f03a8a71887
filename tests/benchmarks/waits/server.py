"""A server that knows nothing but batches under way, in the forms of Groq, OpenAI and Anthropic, after 50 ms."""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

LATENCY = 0.05
ON_TIME = 2.0
NOW = int(time.time())


class Stats:
    """What was asked since the last reset."""

    def __init__(self, interval=0.0):
        self.interval = interval
        self.requests = self.polls = self.on_time = self.connections = 0
        self.last = {}

    def poll(self, batch_id):
        now = time.monotonic()
        self.polls += 1
        before = self.last.get(batch_id)
        if before is not None and abs(now - before - self.interval) <= ON_TIME:
            self.on_time += 1
        self.last[batch_id] = now


class Server:
    def __init__(self):
        self.stats = Stats()
        self.finished = False

    async def serve(self, reader, writer):
        self.stats.connections += 1
        try:
            while line := await reader.readline():
                target = line.split()[1].decode()
                while (await reader.readline()).strip():
                    pass
                body = await self.answer(target)
                head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def answer(self, target):
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path == "/reset":
            last = self.stats.last
            self.stats = Stats(float(query["interval"][0]))
            self.stats.last = last if "keep" in query else {}
            self.finished = False
            return b"{}"
        if url.path == "/finish":
            self.finished = True
            return b"{}"
        if url.path == "/stats":
            names = ("requests", "polls", "on_time", "connections")
            return json.dumps({name: getattr(self.stats, name) for name in names}).encode()
        self.stats.requests += 1
        await asyncio.sleep(LATENCY)
        ids = query.get("id") or [url.path.rpartition("/")[2]]
        for batch_id in ids:
            self.stats.poll(batch_id)
        if "/messages/" in url.path:
            return json.dumps(self.anthropic(ids[0])).encode()
        batches = [self.openai(batch_id) for batch_id in ids]
        return json.dumps({"object": "list", "data": batches} if "id" in query else batches[0]).encode()

    def openai(self, batch_id):
        return {
            "id": batch_id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "errors": None,
            "input_file_id": "file_01jh6x76wtemjr74t1fh0faj5t",
            "completion_window": "24h",
            "status": "completed" if self.finished else "in_progress",
            "output_file_id": "file_01jh6xa97be52b7pg88czwrrwb" if self.finished else None,
            "error_file_id": None,
            "finalizing_at": None,
            "failed_at": None,
            "expired_at": None,
            "cancelled_at": None,
            "request_counts": {"total": 1000, "completed": 400, "failed": 0},
            "metadata": None,
            "created_at": NOW,
            "expires_at": NOW + 86400,
            "cancelling_at": None,
            "completed_at": NOW if self.finished else None,
            "in_progress_at": NOW,
        }

    def anthropic(self, batch_id):
        return {
            "id": batch_id,
            "type": "message_batch",
            "processing_status": "ended" if self.finished else "in_progress",
            "request_counts": {"processing": 600, "succeeded": 400, "errored": 0, "canceled": 0, "expired": 0},
            "ended_at": "2026-01-01T00:00:00Z" if self.finished else None,
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }


async def main():
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0, backlog=4096, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The parent's end closes the pipe.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
