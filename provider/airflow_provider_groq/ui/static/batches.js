// The page "Groq batches" of Airflow's UI: a React component that Airflow loads as it is, with the React of its own.

import { listBatches, listConnections } from "./api.js";
import { Muted } from "./cells.js";
import { CancelDialog } from "./dialog.js";
import { Filters } from "./filters.js";
import { STYLE } from "./style.js";
import { Table } from "./table.js";
import { count, moment, timeOfDay, timeZone } from "./text.js";

const { createElement: h, useCallback, useEffect, useRef, useState } = globalThis.React;

const NAME = "Groq batches";
const SHORTEST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
const PAUSE_AFTER_PROBLEM = 10_000;
const JITTER = 300; // so that tabs do not ask all at once
const MOST_NEWS = 3;

const NOTHING = { groups: [], dags: [] };

/** What the address says is shown, so that a reload or a link shows it again. */
function viewOfAddress() {
  const query = new URLSearchParams(globalThis.location.search);
  return Object.fromEntries(["connection", "status", "dag", "cursor"].map((name) => [name, query.get(name) ?? ""]));
}

function tellAddress(view) {
  const query = new URLSearchParams(Object.entries(view).filter(([, value]) => value));
  const { pathname } = globalThis.location;
  globalThis.history.replaceState(globalThis.history.state, "", query.size ? `${pathname}?${query}` : pathname);
}

/** Whether somebody can see the page. */
function useVisible() {
  const [visible, setVisible] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const look = () => setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return visible;
}

function useTimeZone() {
  const [zone, setZone] = useState(timeZone);
  useEffect(() => {
    const look = () => setZone(timeZone());
    for (const name of ["storage", "local-storage"]) globalThis.addEventListener(name, look);
    return () => ["storage", "local-storage"].forEach((name) => globalThis.removeEventListener(name, look));
  }, []);
  return zone;
}

/** Ask for what the view shows, and again when it is no longer fresh, while the page is visible. */
function useBatches(view, running) {
  const [state, setState] = useState({ answer: null, problem: null, busy: false });
  const [asked, ask] = useState(0);
  const refresh = useCallback(() => ask((times) => times + 1), []);
  useEffect(() => setState({ answer: null, problem: null, busy: false }), [view]);
  useEffect(() => {
    if (!view.connection) return undefined;
    const stop = new AbortController();
    let timer;
    const look = async () => {
      setState((before) => ({ ...before, busy: true }));
      let pause = PAUSE_AFTER_PROBLEM;
      try {
        const answer = await listBatches(view.connection, view, stop.signal);
        if (stop.signal.aborted) return;
        pause = Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, answer.fresh_for * 1000)) + Math.random() * JITTER;
        setState({ answer, problem: null, busy: false });
      } catch (problem) {
        if (stop.signal.aborted) return;
        setState((before) => ({ ...before, problem, busy: false }));
      }
      if (running) timer = setTimeout(look, pause);
    };
    look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [view, running, asked]);
  return { ...state, refresh };
}

/** What has changed since the last look, for those who do not see the table. */
function useNews(answer) {
  const seen = useRef(null);
  const [news, tell] = useState("");
  useEffect(() => {
    if (!answer) {
      seen.current = null;
      return;
    }
    const now = new Map(answer.groups.flatMap(({ batches }) => batches.map(({ id, status }) => [id, status])));
    const changed = seen.current && [...now].filter(([id, status]) => seen.current.has(id) && seen.current.get(id) !== status);
    seen.current = now;
    if (!changed?.length) return;
    const more = changed.length > MOST_NEWS ? ` And ${changed.length - MOST_NEWS} more.` : "";
    tell(changed.slice(0, MOST_NEWS).map(([id, status]) => `Batch ${id} is ${status}.`).join(" ") + more);
  }, [answer]);
  return [news, tell];
}

const Alert = ({ problem, zone, asked_at: at }) =>
  h(
    "div",
    { className: "groq-alert", role: "alert" },
    h(
      "div",
      null,
      h("p", null, problem.message),
      problem.detail && h(Muted, null, problem.detail),
      at && h(Muted, null, `Below is how the batches stood at ${timeOfDay(at, zone)}.`),
    ),
  );

function Empty({ answer, view, zone, onOlder }) {
  const back = answer.back_to ? ` back to ${moment(answer.back_to, zone)}` : "";
  const filtered = view.status || view.dag;
  const text = answer.searched
    ? `None of ${count(answer.searched, "batch", "batches")}${back} ${filtered ? "matches the filters" : "is of a Dag that you may see"}.`
    : "There is no batch on this connection.";
  return h(
    "div",
    { className: "groq-scroll groq-empty" },
    h("p", { className: "groq-muted" }, text),
    answer.older && h("button", { type: "button", onClick: onOlder }, "Search older ones"),
  );
}

function Page() {
  const [view, setView] = useState(viewOfAddress);
  const [newer, setNewer] = useState([]);
  const [connections, setConnections] = useState([]);
  const [automatic, setAutomatic] = useState(true);
  const [cancelling, setCancelling] = useState(null);
  const heading = useRef(null);
  const visible = useVisible();
  const zone = useTimeZone();
  const { answer, problem, busy, refresh } = useBatches(view, automatic && visible);
  const [news, tell] = useNews(answer);

  useEffect(() => {
    document.title = `${NAME} - Airflow`;
    listConnections().then(
      (known) => {
        setConnections(known.connections);
        setView((before) => (before.connection ? before : { ...before, connection: known.connections.includes(known.default) ? known.default : (known.connections[0] ?? known.default) }));
      },
      () => setView((before) => (before.connection ? before : { ...before, connection: "groq_default" })),
    );
  }, []);
  useEffect(() => tellAddress(view), [view]);

  const change = (changes) => {
    setNewer([]);
    setView((before) => ({ ...before, ...changes }));
  };
  const turnTo = (cursor, before) => {
    setNewer(before);
    setView((now) => ({ ...now, cursor }));
    heading.current?.focus();
  };
  const older = () => turnTo(answer.older, [...newer, view.cursor]);

  const closeDialog = () => {
    const { button } = cancelling;
    setCancelling(null);
    setTimeout(() => (button.isConnected ? button : heading.current)?.focus());
  };
  const cancelled = (row) => {
    closeDialog();
    tell(`Batch ${row.id} is ${row.status}.`);
    refresh();
  };

  const shown = answer ?? NOTHING;
  const batches = shown.groups.flatMap((group) => group.batches);
  const open = batches.filter((row) => !row.ended).length;
  const summary = answer ? `${count(batches.length, "batch", "batches")}, ${open} under way` : "";
  return h(
    "main",
    { className: "groq-page", "aria-busy": busy && !answer },
    h("style", null, STYLE),
    h(
      "div",
      { className: "groq-head" },
      h("h1", { ref: heading, tabIndex: -1 }, NAME),
      h("p", { className: "groq-muted" }, summary),
    ),
    h(
      Filters,
      { view, connections, dags: shown.dags, onChange: change },
      h(
        "div",
        { className: "groq-push" },
        answer && h("span", { className: "groq-muted groq-small groq-nowrap" }, `as of ${timeOfDay(answer.asked_at, zone)} ${zone}`),
        h(
          "label",
          { className: "groq-check groq-nowrap" },
          h("input", { type: "checkbox", checked: automatic, onChange: (event) => setAutomatic(event.target.checked) }),
          "Refresh automatically",
        ),
        h("button", { type: "button", onClick: refresh, disabled: busy }, "Refresh"),
      ),
    ),
    problem && h(Alert, { problem, zone, asked_at: answer?.asked_at }),
    !answer && !problem && h("p", { className: "groq-muted" }, "Asking Groq…"),
    answer && (shown.groups.length ? h(Table, { groups: shown.groups, now: answer.now, zone, onCancel: (row, button) => setCancelling({ row, button }) }) : h(Empty, { answer, view, zone, onOlder: older })),
    h(
      "nav",
      { className: "groq-foot", "aria-label": "Pages" },
      shown.left_out > 0 && h(Muted, null, `${count(shown.left_out, "batch", "batches")} could not be read.`),
      h(
        "div",
        { className: "groq-push" },
        view.cursor && h("button", { type: "button", onClick: () => turnTo("", []) }, "Newest"),
        newer.length > 0 && h("button", { type: "button", onClick: () => turnTo(newer.at(-1), newer.slice(0, -1)) }, "Newer"),
        answer?.older && shown.groups.length > 0 && h("button", { type: "button", onClick: older }, "Older"),
      ),
    ),
    h("div", { className: "groq-hidden", role: "status", "aria-live": "polite" }, news),
    cancelling && h(CancelDialog, { connection: view.connection, row: cancelling.row, onClose: closeDialog, onCancelled: cancelled }),
  );
}

// Airflow looks for its name first, and keeps it apart from the pages of other plugins.
globalThis[NAME] = Page;
globalThis.AirflowPlugin = Page;
