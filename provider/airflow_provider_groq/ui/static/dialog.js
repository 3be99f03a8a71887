// The question before batches are cancelled: what that does to them, and to a task that waits for them.

import { cancelBatches, Problem } from "./api.js";
import { AirflowLink, Muted, taskPath } from "./cells.js";
import { count, number } from "./text.js";

const { createElement: h, useEffect, useRef, useState } = globalThis.React;

const SLOW = "Groq may take up to 10 minutes. This cannot be undone.";

function charged(rows) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  const [total, done] = [sum("total"), sum("done")];
  if (!total) return "What Groq has done by then is kept and charged.";
  const kept = `${count(done, "request")} of ${number(total)} ${done === 1 ? "is" : "are"} done: Groq keeps and charges them.`;
  return `${kept} The other ${number(Math.max(0, total - done))} get no answer, and cost nothing.`;
}

function ofOne(row) {
  return [
    row.job
      ? "Its job continues with its other batches. It lands the rows of this one as cancelled, and fails if more rows fail than it allows."
      : "A task that waits for it fails with GroqBatchCancelledError, and Airflow does not retry it.",
    row.job
      ? "Clear the task to send those rows after all. To stop the whole job, mark its task as failed instead: that cancels all of its batches."
      : "To run the rest after all, clear the task: it creates a new batch, and you pay for all requests again.",
  ];
}

function ofMany(rows, goesOn) {
  return [
    rows[0].job
      ? "The job lands the rows of these batches as cancelled, and fails if more rows fail than it allows. It may still create batches, for rows that failed or that it has not sent yet."
      : "A task that waits for one of them fails with GroqBatchCancelledError, and Airflow does not retry it.",
    rows[0].job
      ? "To stop the job for good, mark its task as failed instead: that cancels all of its batches. Clear the task to send the cancelled rows after all."
      : "To run the rest after all, clear the task: it creates a new batch, and you pay for all requests again.",
    goesOn && "Its batches on the next page are not cancelled.",
  ];
}

/** What is asked: `rows`, and whether there are more of their task on the next page. */
export function CancelDialog({ connection, rows, goesOn, onClose, onCancelled }) {
  const dialog = useRef(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useEffect(() => dialog.current.showModal(), []);

  const cancel = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await cancelBatches(connection, rows.map(({ id }) => id));
      if (!answer.failed) return onCancelled(answer.batches);
      const left = `${count(answer.failed, "batch", "batches")} of ${number(rows.length)} could not be cancelled.`;
      throw new Problem(`${left} ${answer.problem.problem}`, answer.problem.detail);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  const closing = (event) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  const [row] = rows;
  const one = rows.length === 1;
  const owner = row.owner?.known === "task" ? row.owner : null;
  const lines = [charged(rows), ...(one ? ofOne(row) : ofMany(rows, goesOn)), SLOW].filter(Boolean);
  const title = one ? "Cancel this batch?" : `Cancel these ${number(rows.length)} batches?`;
  return h(
    "dialog",
    { ref: dialog, "aria-labelledby": "groq-ask", "aria-describedby": "groq-means", onCancel: closing },
    h("h2", { id: "groq-ask" }, title),
    one && h("p", { className: "groq-id" }, row.id),
    owner && h(Muted, null, "created by ", h(AirflowLink, { path: taskPath(owner) }, `${owner.dag_id} / ${owner.task_id}`)),
    h("ul", { id: "groq-means" }, lines.map((line) => h("li", { key: line }, line))),
    problem && h("div", { className: "groq-alert", role: "alert" }, h("div", null, problem.message, problem.detail && h(Muted, null, problem.detail))),
    h(
      "div",
      { className: "groq-buttons" },
      h("button", { type: "button", autoFocus: true, onClick: onClose, disabled: busy }, one ? "Keep it" : "Keep them"),
      h("button", { type: "button", className: "groq-danger", onClick: cancel, disabled: busy }, busy ? "Cancelling…" : one ? "Cancel batch" : "Cancel batches"),
    ),
  );
}
