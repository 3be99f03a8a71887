// What the page knows, and when it asks again: only while somebody sees it, and not before the last answer is stale.

import { listBatches, listConnections } from "./api.js";
import { timeZone } from "./text.js";

const { useCallback, useEffect, useRef, useState } = globalThis.React;

const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const PAUSE_AFTER_PROBLEM = 10_000;
const JITTER = 300; // so that tabs do not ask all at once
const MOST_NEWS = 3;
const USUAL = "groq_default";

/** A value that is read anew when one of these events happens to a target. */
function useLatest(read, target, events) {
  const [value, setValue] = useState(read);
  useEffect(() => {
    const look = () => setValue(read());
    for (const event of events) target.addEventListener(event, look);
    return () => events.forEach((event) => target.removeEventListener(event, look));
  }, []);
  return value;
}

const isVisible = () => document.visibilityState === "visible";

/** Whether somebody can see the page. */
export const useVisible = () => useLatest(isVisible, document, ["visibilitychange"]);

/** The time zone that the user has chosen in Airflow. */
export const useTimeZone = () => useLatest(timeZone, globalThis, ["storage", "local-storage"]);

/** The connections to choose from; null until that is known. */
export function useConnections() {
  const [known, setKnown] = useState(null);
  useEffect(() => {
    listConnections().then(setKnown, () => setKnown({ connections: [], default: USUAL }));
  }, []);
  return known;
}

const NOTHING_YET = { answer: null, problem: null, busy: false, due: 0 };

async function look(view, signal, setState) {
  setState((before) => ({ ...before, busy: true }));
  try {
    const answer = await listBatches(view.connection, view, signal);
    const pause = Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, answer.fresh_for * 1000)) + Math.random() * JITTER;
    if (!signal.aborted) setState({ answer, problem: null, busy: false, due: Date.now() + pause });
  } catch (problem) {
    const due = Date.now() + PAUSE_AFTER_PROBLEM;
    if (!signal.aborted) setState((before) => ({ ...before, problem, busy: false, due }));
  }
}

/**
 * What the view shows: `answer`, `problem` if the last look failed, and `refresh` to look at once.
 *
 * A page that is not visible does not ask. One that is not `automatic` asks once, and then when told to.
 */
export function useBatches(view, visible, automatic) {
  const [state, setState] = useState(NOTHING_YET);
  const [asked, setAsked] = useState({ view: null });
  const refresh = useCallback(() => setAsked({ view }), [view]);
  const { answer, problem, busy, due } = state;

  useEffect(() => setState(NOTHING_YET), [view]);
  useEffect(() => {
    const again = answer || problem;
    if (!view.connection || !visible || busy || (again && !automatic)) return undefined;
    const timer = setTimeout(refresh, Math.max(0, due - Date.now()));
    return () => clearTimeout(timer);
  }, [view, visible, automatic, answer, problem, busy, due, refresh]);
  useEffect(() => {
    if (asked.view !== view) return undefined;
    const stop = new AbortController();
    look(view, stop.signal, setState);
    return () => stop.abort();
  }, [view, asked]);
  return { answer, problem, busy, refresh };
}

/** What has changed since the last look, for those who do not see the table, and a way to tell them more. */
export function useNews(answer) {
  const seen = useRef(null);
  const [news, tell] = useState("");
  useEffect(() => {
    const before = seen.current;
    const rows = answer?.groups.flatMap((group) => group.batches);
    seen.current = rows ? new Map(rows.map(({ id, status }) => [id, status])) : null;
    const changed = before && rows ? rows.filter(({ id, status }) => before.has(id) && before.get(id) !== status) : [];
    if (!changed.length) return;
    const told = changed.slice(0, MOST_NEWS).map(({ id, status }) => `Batch ${id} is ${status}.`);
    if (changed.length > MOST_NEWS) told.push(`And ${changed.length - MOST_NEWS} more have changed.`);
    tell(told.join(" "));
  }, [answer]);
  return [news, tell];
}
