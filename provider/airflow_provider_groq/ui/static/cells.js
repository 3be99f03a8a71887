// What stands in the cells of the table. All text of a batch becomes text nodes, and nothing else.

import { AIRFLOW } from "./api.js";
import { OTHER_COLOUR, STATUS_COLOURS } from "./style.js";
import { count, duration, moment, number, title } from "./text.js";

const { createElement: h, Fragment } = globalThis.React;
const { Link } = globalThis.ReactRouterDOM ?? {};

export const Muted = ({ children, ...rest }) => h("div", { className: "groq-muted groq-small", ...rest }, children);

/** A link to another page of Airflow, given by the segments of its path. */
export function AirflowLink({ path, children, ...rest }) {
  const address = path.map(encodeURIComponent).join("/");
  return Link
    ? h(Link, { to: `/${address}`, ...rest }, children)
    : h("a", { href: new URL(address, AIRFLOW).href, ...rest }, children);
}

/** The path of an owner's task instance, as segments. */
export const taskPath = ({ dag_id, run_id, task_id, map_index }) => [
  ...["dags", dag_id, "runs", run_id, "tasks", task_id],
  ...(map_index && Number(map_index) >= 0 ? ["mapped", map_index] : []),
];

export function Status({ status, times }) {
  const style = { background: STATUS_COLOURS[status] ?? OTHER_COLOUR };
  const text = times === undefined ? title(status) : `${number(times)} ${title(status).toLowerCase()}`;
  return h("span", { className: "groq-badge", style, title: status }, text);
}

export function Progress({ label, total, done, failed, ended }) {
  if (!total) return h("span", { className: "groq-muted" }, done ? `${number(done)} done` : "–");
  const share = (part) => `${Math.min(100, (part / total) * 100)}%`;
  const text = `${number(done)} of ${number(total)}`;
  const bar = {
    className: "groq-track",
    role: "progressbar",
    "aria-label": `Progress of ${label}`,
    "aria-valuemin": 0,
    "aria-valuemax": total,
    "aria-valuenow": Math.min(done, total),
    "aria-valuetext": `${text} requests done, ${number(failed)} failed`,
  };
  const good = h("div", { className: ended ? "groq-done" : "groq-working", style: { width: share(done - failed) } });
  const bad = h("div", { className: "groq-failed", style: { width: share(failed) } });
  const percent = Math.floor((Math.min(done, total) / total) * 100);
  return h(
    "div",
    { className: "groq-progress" },
    h("div", bar, good, bad),
    h(Muted, { className: "groq-small groq-nowrap" }, text, h("span", { className: "groq-muted" }, ` · ${percent} %`)),
  );
}

export const Failed = ({ failed }) => h("span", { className: failed ? "groq-some-failed" : "groq-muted" }, number(failed));

export const Rate = ({ perMinute }) =>
  perMinute === null ? h("span", { className: "groq-muted" }, "–") : `${number(perMinute)}/min`;

/** How long is left; of what has ended, how long it took. */
export function Left({ row }) {
  if (row.seconds_left !== null) return h("span", { title: "At the rate so far" }, `~ ${duration(row.seconds_left)}`);
  if (row.ended_at && row.created_at) {
    return h("span", { className: "groq-muted" }, `took ${duration(row.ended_at - row.created_at)}`);
  }
  return h("span", { className: "groq-muted" }, "–");
}

export function Created({ at, now, zone }) {
  if (!at) return h("span", { className: "groq-muted" }, "unknown");
  const time = moment(at, zone);
  return h(
    "time",
    { dateTime: new Date(at * 1000).toISOString(), title: `${time} (${zone})` },
    `${duration(now - at)} ago`,
    h(Muted, null, time),
  );
}

export function Owner({ owner }) {
  if (!owner) return h("span", { className: "groq-muted" }, "unknown");
  const { dag_id, task_id, run_id, map_index, known } = owner;
  const index = Number(map_index) >= 0 && map_index ? ` [${map_index}]` : "";
  const name = [dag_id, task_id].filter(Boolean).join(" / ") + index;
  const gone = { task: null, dag: "this task instance no longer exists", "": "not a Dag of this Airflow" }[known];
  return h(
    Fragment,
    null,
    known === "task" && h(AirflowLink, { path: taskPath(owner), title: "Open the task instance" }, name),
    known === "dag" && h(AirflowLink, { path: ["dags", dag_id], title: "Open the Dag" }, name),
    !known && name,
    run_id && h(Muted, { className: "groq-muted groq-small groq-run", title: run_id }, run_id),
    gone && h(Muted, null, h("em", null, gone)),
  );
}

export const BatchId = ({ row }) =>
  h(
    Fragment,
    null,
    h(
      "a",
      { className: "groq-id", href: row.console, target: "_blank", rel: "noopener noreferrer", title: "Open Groq's console" },
      row.id,
      h("span", { "aria-hidden": true }, " ↗"),
      h("span", { className: "groq-hidden" }, " on Groq's console, in a new tab"),
    ),
    row.note &&
      h("details", { className: "groq-note" }, h("summary", null, "What happened"), h("p", null, row.note)),
  );

export const Batches = ({ many, goesOn }) =>
  h(Fragment, null, count(many, "batch", "batches"), goesOn && h(Muted, null, "and more on the next page"));
