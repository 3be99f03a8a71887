// The table: a row for each batch, and one for the sum of those of a task, which opens to show them.

import { Batches, BatchId, Created, Failed, Left, Owner, Progress, Rate, Status } from "./cells.js";
import { count } from "./text.js";

const { createElement: h, useState } = globalThis.React;

const COLUMNS = [
  ["Batch", ""],
  ["Status", ""],
  ["Progress", ""],
  ["Failed", "groq-number"],
  ["Rate", "groq-number"],
  ["Time left", ""],
  ["Owner", ""],
  ["Created", ""],
  ["Actions", "groq-number"],
];

function cells(row, label, first, status, owner, page, action) {
  return [
    h("td", { key: "batch" }, first),
    h("td", { key: "status" }, status),
    h("td", { key: "progress" }, h(Progress, { label, ...row })),
    h("td", { key: "failed", className: "groq-number" }, h(Failed, row)),
    h("td", { key: "rate", className: "groq-number" }, h(Rate, { perMinute: row.per_minute })),
    h("td", { key: "left", className: "groq-nowrap" }, h(Left, { row })),
    h("td", { key: "owner", className: "groq-owner" }, owner),
    h("td", { key: "created", className: "groq-nowrap" }, h(Created, { at: row.created_at, ...page })),
    h("td", { key: "action", className: "groq-number" }, action),
  ];
}

const isCancellable = (row) => row.may_cancel && row.status !== "cancelling";

function CancelButton({ rows, label, goesOn = false, onCancel, children }) {
  const cancel = (event) => onCancel({ rows, goesOn, button: event.currentTarget });
  return h("button", { type: "button", className: "groq-cancel", "aria-label": label, onClick: cancel }, children);
}

function BatchRow({ row, shard, page, onCancel }) {
  const button = isCancellable(row) && h(CancelButton, { rows: [row], label: `Cancel batch ${row.id}`, onCancel }, "Cancel");
  return h(
    "tr",
    { className: shard ? "groq-shard" : "", "data-batch": row.id },
    cells(row, `batch ${row.id}`, h(BatchId, { row }), h(Status, row), shard ? null : h(Owner, row), page, button),
  );
}

const CHEVRON = h(
  "svg",
  { width: 14, height: 14, viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", strokeWidth: 2.5, "aria-hidden": true },
  h("path", { d: "m9 6 6 6-6 6" }),
);

function Group({ group, page, onCancel }) {
  const [open, setOpen] = useState(false);
  const { batches, sum } = group;
  if (!sum) return h("tbody", null, h(BatchRow, { row: batches[0], page, onCancel }));
  const { owner } = batches[0];
  const toggle = h(
    "button",
    { type: "button", className: "groq-toggle", "aria-expanded": open, onClick: () => setOpen(!open) },
    CHEVRON,
    h("span", null, h(Batches, { many: batches.length, goesOn: group.goes_on })),
  );
  const statuses = Object.entries(sum.statuses).map(([status, times]) => h(Status, { key: status, status, times }));
  const label = `the ${count(batches.length, "batch", "batches")} of ${owner?.task_id || "a task"}`;
  const rows = batches.filter(isCancellable).map((row) => ({ ...row, owner }));
  const cancel = { rows, label: `Cancel ${label}`, goesOn: group.goes_on, onCancel };
  const button = rows.length > 0 && h(CancelButton, cancel, rows.length > 1 ? "Cancel all" : "Cancel");
  return h(
    "tbody",
    null,
    h("tr", null, cells(sum, label, toggle, h("div", { className: "groq-badges" }, statuses), h(Owner, { owner }), page, button)),
    open && batches.map((row) => h(BatchRow, { key: row.id, row, shard: true, page, onCancel })),
  );
}

export function Table({ groups, now, zone, onCancel }) {
  const page = { now, zone };
  const names = COLUMNS.map(([name, className]) =>
    h("th", { key: name, scope: "col", className }, name === "Actions" ? h("span", { className: "groq-hidden" }, name) : name),
  );
  return h(
    "div",
    { className: "groq-scroll" },
    h(
      "table",
      null,
      h("caption", { className: "groq-hidden" }, "Batches, newest first; those of one task together"),
      h("thead", null, h("tr", null, names)),
      groups.map((group) => h(Group, { key: group.batches.at(-1).id, group, page, onCancel })),
    ),
  );
}

