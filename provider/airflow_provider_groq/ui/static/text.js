// Numbers, times and lengths of time, for people.

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** A number with separators of thousands. */
export const number = (value) => value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });

/** A length of time by its two largest units, such as "2 h 5 min". */
export function duration(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const first = UNITS.findIndex(([, size]) => rest >= size);
  if (first < 0) return "0 s";
  return UNITS.slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count ? `${count} ${unit}` : "";
    })
    .filter(Boolean)
    .join(" ");
}

/** A number of things: "1 batch", "2 batches". */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** The time zone that the user has chosen in Airflow; the browser's until then. */
export function timeZone() {
  const system = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const zone = JSON.parse(globalThis.localStorage.getItem("timezone")) || system;
    Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return system;
  }
}

const formats = new Map();

function parts(seconds, zone) {
  if (!formats.has(zone)) {
    const digits = Object.fromEntries(["month", "day", "hour", "minute", "second"].map((part) => [part, "2-digit"]));
    formats.set(zone, Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", ...digits }));
  }
  return Object.fromEntries(formats.get(zone).formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
}

/** A time as Airflow writes it, such as "2026-11-26 08:12:33". */
export function moment(seconds, zone) {
  const { year, month, day, hour, minute, second } = parts(seconds, zone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

/** The time of day only. */
export const timeOfDay = (seconds, zone) => moment(seconds, zone).slice(11);

/** A status as Airflow writes those of its tasks, such as "In progress". */
export const title = (status) => status.charAt(0).toUpperCase() + status.slice(1).replaceAll("_", " ");
