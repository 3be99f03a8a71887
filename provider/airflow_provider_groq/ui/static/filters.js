// The choice of connection, and the filters.

import { title } from "./text.js";

const { createElement: h, useState } = globalThis.React;

const STATUSES = ["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"];
const OTHER = "\u0000other";

const Field = ({ label, children }) => h("label", { className: "groq-field" }, label, children);

const option = (value, text = value) => h("option", { key: value, value }, text);

function Connection({ connection, connections, onChange }) {
  const [typing, setTyping] = useState(false);
  const choose = (event) => (event.target.value === OTHER ? setTyping(true) : onChange(event.target.value));
  const submit = (event) => {
    event.preventDefault();
    const id = new FormData(event.currentTarget).get("connection").trim();
    setTyping(false);
    if (id) onChange(id);
  };
  if (!typing) {
    const known = [...new Set([connection, ...connections])].sort();
    return h(
      Field,
      { label: "Connection" },
      h("select", { value: connection, onChange: choose }, known.map((id) => option(id)), option(OTHER, "Another one…")),
    );
  }
  const field = {
    type: "text",
    name: "connection",
    autoFocus: true,
    required: true,
    autoComplete: "off",
    spellCheck: false,
    title: "Connections in environment variables and secrets backends cannot be listed",
    onKeyDown: (event) => event.key === "Escape" && setTyping(false),
  };
  return h(
    "form",
    { onSubmit: submit, style: { display: "flex", gap: 8, alignItems: "end" } },
    h(Field, { label: "Id of a connection of type groq" }, h("input", field)),
    h("button", { type: "submit" }, "Show"),
  );
}

export function Filters({ view, connections, dags, onChange, children }) {
  const set = (name) => (event) => onChange({ [name]: event.target.value });
  const shown = [...new Set([...dags, ...(view.dag ? [view.dag] : [])])].sort();
  return h(
    "div",
    { className: "groq-bar", role: "group", "aria-label": "Filters" },
    h(Connection, {
      connection: view.connection,
      connections,
      onChange: (connection) => onChange({ connection, dag: "" }),
    }),
    h(
      Field,
      { label: "Status" },
      h(
        "select",
        { value: view.status, onChange: set("status") },
        option("", "Any status"),
        option("open", "Under way"),
        option("ended", "Ended"),
        h("optgroup", { label: "One status" }, STATUSES.map((status) => option(status, title(status)))),
      ),
    ),
    h(
      Field,
      { label: "Dag" },
      h("select", { value: view.dag, onChange: set("dag") }, option("", "All Dags"), shown.map((id) => option(id))),
    ),
    children,
  );
}
