// The page's own API, which Airflow's API server serves beside this file.

const ROOT = new URL("../api/", import.meta.url);

/** Airflow's own address, with its base path. */
export const AIRFLOW = new URL("../../", import.meta.url);

/** What went wrong, for people: `message`, and `detail` where there is more to say. */
export class Problem extends Error {
  constructor(message, detail = "") {
    super(message);
    this.detail = detail;
  }
}

const LOGGED_OUT = "You are logged out of Airflow. Reload the page to log in.";
const UNREACHABLE = "Airflow's API server does not answer.";

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHABLE);
  }
  if (response.status === 401) throw new Problem(LOGGED_OUT);
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) {
    const told = answer?.detail;
    if (typeof told === "string") throw new Problem(told);
    if (told?.problem) throw new Problem(told.problem, told.detail);
    throw new Problem(`Airflow's API server answers with status ${response.status}.`);
  }
  return answer;
}

const of = (connection) => `connections/${encodeURIComponent(connection)}`;

/** The connections to choose from, and the usual one. */
export const listConnections = () => ask("connections");

/** A page of batches. */
export function listBatches(connection, { cursor, status, dag }, signal) {
  const query = new URLSearchParams({ cursor, status, dag });
  return ask(`${of(connection)}/batches?${query}`, { signal });
}

/** Ask for batches to be cancelled; gives how they stand then, how many could not be, and the first reason for that. */
export const cancelBatches = (connection, batchIds) =>
  ask(`${of(connection)}/cancel`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ batch_ids: batchIds }),
  });
