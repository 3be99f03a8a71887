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


def rss_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def watch_stalls(stalls):
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        stalls.append(time.perf_counter() - before - TICK)


async def call(port, path):
    def get():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=300) as answer:
            return json.load(answer)

    return await asyncio.to_thread(get)


async def wait(trigger, fired):
    async for _ in trigger.run():
        fired.append(time.monotonic())


async def main(package, waits, port, interval, warm_up, watched):
    make = globals()[package]
    make("batch_warm", interval)  # imports
    stalls, fired = [], []
    watcher = asyncio.create_task(watch_stalls(stalls))
    await asyncio.sleep(0.2)
    gc.collect()
    memory = rss_mb()
    await call(port, f"/reset?interval={interval}")
    begun = cpu()
    tasks = [asyncio.create_task(wait(make(f"batch_{n:08}", interval), fired)) for n in range(waits)]
    await asyncio.sleep(warm_up)
    stalls.clear()
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
