// What is shown of the account: connection, filters and page, which the address holds too.

const { useEffect, useState } = globalThis.React;

const NAMES = ["connection", "status", "dag", "cursor"];

function viewOfAddress() {
  const query = new URLSearchParams(globalThis.location.search);
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
}

function tellAddress(view) {
  const query = new URLSearchParams(Object.entries(view).filter(([, value]) => value)).toString();
  const { pathname } = globalThis.location;
  globalThis.history.replaceState(globalThis.history.state, "", query ? `${pathname}?${query}` : pathname);
}

const usual = ({ connections, default: named }) => (connections.includes(named) ? named : (connections[0] ?? named));

/** The view, and what changes it; `known` are the connections, null until they are known. */
export function useView(known) {
  const [view, setView] = useState(viewOfAddress);
  const [newer, setNewer] = useState([]);
  useEffect(() => tellAddress(view), [view]);
  useEffect(() => {
    if (known) setView((now) => (now.connection ? now : { ...now, connection: usual(known) }));
  }, [known]);

  const turnTo = (cursor, before) => {
    setNewer(before);
    setView((now) => ({ ...now, cursor }));
  };
  return {
    view,
    change(changes) {
      setNewer([]);
      setView((now) => ({ ...now, ...changes, cursor: "" }));
    },
    turnOlder: (cursor) => turnTo(cursor, [...newer, view.cursor]),
    turnNewer: newer.length ? () => turnTo(newer.at(-1), newer.slice(0, -1)) : null,
    turnNewest: view.cursor ? () => turnTo("", []) : null,
  };
}
