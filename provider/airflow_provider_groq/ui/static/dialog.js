// The question before a batch is cancelled: what that does to it, and to a task that waits for it.

import { cancelBatch } from "./api.js";
import { AirflowLink, Muted, taskPath } from "./cells.js";
import { count, number } from "./text.js";

const { createElement: h, useEffect, useRef, useState } = globalThis.React;

function consequences(row) {
  const left = Math.max(0, row.total - row.done);
  const kept = `${count(row.done, "request")} of ${number(row.total)} ${row.done === 1 ? "is" : "are"} done: Groq keeps and charges them.`;
  return [
    row.total ? `${kept} The other ${number(left)} get no answer, and cost nothing.` : "What Groq has done by then is kept and charged.",
    row.job
      ? "The job that made it goes on with its other batches. It lands the rows of this one as cancelled, and fails if more rows fail than it allows."
      : "A task that waits for it fails with GroqBatchCancelledError, and Airflow does not retry it.",
    row.job
      ? "Clear the task to send those rows after all. To stop the whole job, mark its task as failed instead: that cancels all of its batches."
      : "To run the rest after all, clear the task: it makes a new batch of all requests, which is paid for anew.",
    "Groq may take up to 10 minutes. This cannot be undone.",
  ];
}

export function CancelDialog({ connection, row, onClose, onCancelled }) {
  const dialog = useRef(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useEffect(() => dialog.current.showModal(), []);

  const cancel = async () => {
    setBusy(true);
    setProblem(null);
    try {
      onCancelled(await cancelBatch(connection, row.id));
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const closing = (event) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  const owner = row.owner?.known === "task" ? row.owner : null;
  return h(
    "dialog",
    { ref: dialog, "aria-labelledby": "groq-ask", "aria-describedby": "groq-means", onCancel: closing },
    h("h2", { id: "groq-ask" }, "Cancel this batch?"),
    h("p", { className: "groq-id" }, row.id),
    owner && h(Muted, null, "made by ", h(AirflowLink, { path: taskPath(owner) }, `${owner.dag_id} / ${owner.task_id}`)),
    h("ul", { id: "groq-means" }, consequences(row).map((line) => h("li", { key: line }, line))),
    problem && h("div", { className: "groq-alert", role: "alert" }, h("div", null, problem.message, problem.detail && h(Muted, null, problem.detail))),
    h(
      "div",
      { className: "groq-buttons" },
      h("button", { type: "button", autoFocus: true, onClick: onClose, disabled: busy }, "Keep it"),
      h("button", { type: "button", className: "groq-danger", onClick: cancel, disabled: busy }, busy ? "Cancelling…" : "Cancel batch"),
    ),
  );
}
