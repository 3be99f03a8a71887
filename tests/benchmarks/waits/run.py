"""Some waits of one package on one event loop, watched from inside their process.

python run.py PACKAGE WAITS PORT INTERVAL WARM_UP WATCHED
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
import urllib.request
from pathlib import Path

TICK = 0.02
ENDED = {"completed", "failed", "expired", "cancelled"}


def groq(batch_id, interval):
    from airflow_provider_groq.triggers.batch import GroqBatchTrigger

    return GroqBatchTrigger([batch_id], "groq_default", interval, end_time=time.time() + 86_400)


def openai(batch_id, interval):
    from airflow.providers.openai.triggers.openai import OpenAIBatchTrigger

    return OpenAIBatchTrigger("openai_default", batch_id, interval, timeout=86_400)


def anthropic(batch_id, interval):
    from airflow.providers.anthropic.triggers.batch import AnthropicBatchTrigger

    return AnthropicBatchTrigger("anthropic_default", batch_id, interval, time.time() + 86_400)


def common_ai(batch_id, interval):
    from airflow.providers.common.ai.triggers.llm_batch import LLMBatchTrigger

    return LLMBatchTrigger(
        llm_conn_id="pydanticai_default",
        adapter="openai",
        batch_id=batch_id,
        poll_interval=interval,
        end_time=time.time() + 86_400,
        cancel_on_kill=False,
        cancel_on_timeout=False,
    )


async def bare(batch_ids, interval, port):
    """What no loop can do without: 200 ids a request, JSON, and a glance at each status."""
    import httpx

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/openai/v1") as client:

        async def poll(group, first_pause):
            await asyncio.sleep(first_pause)
            due = time.monotonic()
            while group:
                answer = await client.get("/batches", params=[("id", batch_id) for batch_id in group])
                ended = {batch["id"] for batch in answer.json()["data"] if batch["status"] in ENDED}
                group = [batch_id for batch_id in group if batch_id not in ended]
                due += interval
                await asyncio.sleep(due - time.monotonic())

        groups = [batch_ids[start : start + 200] for start in range(0, len(batch_ids), 200)]
        await asyncio.gather(*(poll(group, number * interval / len(groups)) for number, group in enumerate(groups)))


def rss_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def watch_stalls(stalls, stretches):
    """How much later than asked a short sleep ends, and how much of that this thread itself was at work."""
    while True:
        before, worked = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK)
        stalls.append(time.perf_counter() - before - TICK)
        stretches.append(time.thread_time() - worked)


class Collections:
    """How often the garbage collector has gone through all objects, and for how long at most."""

    def __init__(self):
        self.number = self.longest = 0
        self._start = 0.0
        gc.callbacks.append(self.note)

    def note(self, phase, info):
        if info["generation"] < 2:
            return
        if phase == "start":
            self._start = time.perf_counter()
        else:
            self.number += 1
            self.longest = max(self.longest, time.perf_counter() - self._start)


async def call(port, path):
    def get():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=300) as answer:
            return json.load(answer)

    return await asyncio.to_thread(get)


async def wait(trigger, fired):
    async for _ in trigger.run():
        fired.append(time.monotonic())


async def main(package, waits, port, interval, warm_up, watched):
    ids = [f"batch_{n:08}" for n in range(waits)]
    make = globals()[package]
    if package == "bare":
        import httpx  # noqa: F401
    else:
        make("batch_warm", interval)  # imports
    stalls, stretches, fired = [], [], []
    watcher = asyncio.create_task(watch_stalls(stalls, stretches))
    await asyncio.sleep(0.2)
    gc.collect()
    memory = rss_mb()
    await call(port, f"/reset?interval={interval}")
    begun = cpu()
    if package == "bare":
        tasks = [asyncio.create_task(bare(ids, interval, port))]
    else:
        tasks = [asyncio.create_task(wait(make(batch_id, interval), fired)) for batch_id in ids]
    await asyncio.sleep(warm_up)
    at_first = max(stalls)
    stalls.clear()
    stretches.clear()
    collections = Collections()
    polls_before = (await call(port, "/stats"))["polls"]
    await call(port, f"/reset?interval={interval}&keep=1")
    before, start = cpu(), time.monotonic()
    await asyncio.sleep(watched)
    used, took = cpu() - before, time.monotonic() - start
    stats = await call(port, "/stats")
    grown = rss_mb() - memory
    seen = sorted(stalls)
    result = {
        "package": package,
        "waits": waits,
        "seconds": took,
        "due": round(waits * watched / interval),
        **stats,
        "cpu_s": used,
        "cpu_all_s": cpu() - begun,
        "polls_all": polls_before + stats["polls"],
        "grown_mb": grown,
        "collections": collections.number,
        "collection_max_ms": collections.longest * 1000,
        "stall_at_first_ms": at_first * 1000,
        "stretch_max_ms": max(stretches) * 1000,
        "stall_p50_ms": seen[len(seen) // 2] * 1000,
        "stall_p99_ms": seen[int(len(seen) * 0.99)] * 1000,
        "stall_max_ms": seen[-1] * 1000,
    }
    if package == "groq":
        await call(port, "/finish")
        finished = time.monotonic()
        done, late = await asyncio.wait(tasks, timeout=interval + 30)
        result |= {"events": len(done), "without_event": len(late), "latest_event_s": max(fired) - finished}
    print(json.dumps(result), flush=True)
    watcher.cancel()
    os._exit(0)  # the peers' threads and clients would hold up the end


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *map(float, sys.argv[4:7])))
