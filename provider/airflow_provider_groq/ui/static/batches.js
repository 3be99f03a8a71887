// The page "Groq batches" of Airflow's UI: a React component that Airflow loads as it is, with the React of its own.

import { Muted } from "./cells.js";
import { CancelDialog } from "./dialog.js";
import { Filters } from "./filters.js";
import { useBatches, useConnections, useNews, useTimeZone, useVisible } from "./looks.js";
import { STYLE } from "./style.js";
import { Table } from "./table.js";
import { count, moment, number, timeOfDay } from "./text.js";
import { useView } from "./view.js";

const { createElement: h, useEffect, useRef, useState } = globalThis.React;

const NAME = "Groq batches";

const Button = ({ children, ...rest }) => h("button", { type: "button", ...rest }, children);

function Head({ heading, answer }) {
  const batches = answer?.groups.flatMap((group) => group.batches) ?? [];
  const open = batches.filter((row) => !row.ended).length;
  return h(
    "div",
    { className: "groq-head" },
    h("h1", { ref: heading, tabIndex: -1 }, NAME),
    answer && h("p", { className: "groq-muted" }, `${count(batches.length, "batch", "batches")}, ${open} under way`),
  );
}

function Refreshing({ answer, zone, busy, refresh, automatic, setAutomatic }) {
  const box = { type: "checkbox", checked: automatic, onChange: (event) => setAutomatic(event.target.checked) };
  const asOf = answer && `as of ${timeOfDay(answer.asked_at, zone)} ${zone}`;
  return h(
    "div",
    { className: "groq-push" },
    asOf && h("span", { className: "groq-muted groq-small groq-nowrap" }, asOf),
    h("label", { className: "groq-check groq-nowrap" }, h("input", box), "Refresh automatically"),
    h(Button, { onClick: refresh, "aria-disabled": busy }, "Refresh"),
  );
}

function Alert({ problem, answer, zone }) {
  const stale = answer && `The table is as of ${timeOfDay(answer.asked_at, zone)}.`;
  const text = h(
    "div",
    null,
    h("p", null, problem.message),
    problem.detail && h(Muted, null, problem.detail),
    stale && h(Muted, null, stale),
  );
  return h("div", { className: "groq-alert", role: "alert" }, text);
}

function Empty({ answer, zone, onOlder }) {
  const back = answer.back_to ? ` back to ${moment(answer.back_to, zone)}` : "";
  const text = answer.searched
    ? `None of ${count(answer.searched, "batch", "batches")}${back} matches the filters.`
    : `You may see no batch ${answer.older ? "among the newest ones" : "on this connection"}.`;
  return h(
    "div",
    { className: "groq-empty" },
    h("p", { className: "groq-muted" }, text),
    answer.older && h(Button, { onClick: onOlder }, "Search older ones"),
  );
}

function Foot({ answer, turnOlder, turnNewer, turnNewest }) {
  const unread = answer?.left_out;
  return h(
    "nav",
    { className: "groq-foot", "aria-label": "Pages" },
    unread > 0 && h(Muted, null, `${count(unread, "batch", "batches")} could not be read.`),
    h(
      "div",
      { className: "groq-push" },
      turnNewest && h(Button, { onClick: turnNewest }, "Newest"),
      turnNewer && h(Button, { onClick: turnNewer }, "Newer"),
      answer?.older && answer.groups.length > 0 && h(Button, { onClick: turnOlder }, "Older"),
    ),
  );
}

/** The batches that the user is asked about. The focus goes back to its button, or to the heading where that will go. */
function useQuestion(heading) {
  const [question, ask] = useState(null);
  const next = useRef(null);
  useEffect(() => {
    if (question === null) next.current?.focus(); // not before: beside an open dialog nothing takes it
  }, [question]);
  const close = (goes) => {
    next.current = goes || !question.button.isConnected ? heading.current : question.button;
    ask(null);
  };
  return [question, ask, close];
}

function useTitle(title) {
  useEffect(() => {
    const before = document.title;
    document.title = title;
    return () => {
      document.title = before;
    };
  }, []);
}

function Page() {
  const heading = useRef(null);
  const [automatic, setAutomatic] = useState(true);
  const known = useConnections();
  const { view, change, ...turns } = useView(known);
  const zone = useTimeZone();
  const { answer, problem, busy, refresh } = useBatches(view, useVisible(), automatic);
  const [news, tell] = useNews(answer);
  const [question, ask, close] = useQuestion(heading);
  useTitle(`${NAME} - Airflow`);

  const turn = (to) => to && (() => (to(answer?.older), heading.current?.focus()));
  const turnOlder = turn(turns.turnOlder);
  const cancelled = (rows) => {
    close(true);
    tell(rows.length === 1 ? `Batch ${rows[0].id} is ${rows[0].status}.` : `${number(rows.length)} batches are being cancelled.`);
    refresh();
  };
  const rest = { answer, zone, busy, refresh, automatic, setAutomatic };
  return h(
    "main",
    { className: "groq-page", "aria-busy": busy && !answer },
    h("style", null, STYLE),
    h(Head, { heading, answer }),
    h(Filters, { view, connections: known?.connections ?? [], dags: answer?.dags ?? [], onChange: change }, h(Refreshing, rest)),
    problem && h(Alert, { problem, answer, zone }),
    !answer && !problem && h("p", { className: "groq-muted" }, "Loading batches from Groq…"),
    answer?.groups.length > 0 && h(Table, { groups: answer.groups, now: answer.now, zone, onCancel: ask }),
    answer?.groups.length === 0 && h(Empty, { answer, zone, onOlder: turnOlder }),
    h(Foot, { answer, turnOlder, turnNewer: turn(turns.turnNewer), turnNewest: turn(turns.turnNewest) }),
    h("div", { className: "groq-hidden", role: "status", "aria-live": "polite" }, news),
    question && h(CancelDialog, { connection: view.connection, ...question, onClose: () => close(false), onCancelled: cancelled }),
  );
}

// Airflow looks for its name first, and keeps it apart from the pages of other plugins.
globalThis[NAME] = Page;
globalThis.AirflowPlugin = Page;
