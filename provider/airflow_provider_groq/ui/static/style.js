// How the page looks: Airflow's own colours, which follow its light and dark mode.

const c = (name, otherwise) => `var(--chakra-colors-${name}, ${otherwise})`;

// White text on Airflow's own colours of states is a little too faint to be read by everybody.
const darker = (colour, percent = 12) => `color-mix(in oklab, ${colour}, black ${percent}%)`;

const FG = c("fg", "currentColor");
const MUTED = c("fg-muted", "#71717a");
const LINE = c("border", "rgb(128 128 128 / .3)");
const LINK = c("fg-info", c("blue-fg", "#3182ce"));
const RED = c("red-fg", c("fg-error", "#b91c1c"));
const SUBTLE = c("bg-muted", c("bg-subtle", "rgb(128 128 128 / .1)"));
const PANEL = c("bg-panel", c("bg", "Canvas"));
const FOCUS = c("brand-solid", c("blue-solid", "#3182ce"));

/** The colour of each status: that of Airflow's task states which mean the same. */
export const STATUS_COLOURS = {
  validating: darker(c("queued-solid", "#6b7280")),
  in_progress: darker(c("running-solid", "#0891b2")),
  finalizing: darker(c("scheduled-solid", "#a16207")),
  completed: darker(c("success-solid", "#15803d")),
  failed: darker(c("failed-solid", "#dc2626")),
  expired: darker(c("up_for_retry-solid", "#ca8a04"), 24),
  cancelling: darker(c("restarting-solid", "#7c3aed")),
  cancelled: darker(c("skipped-solid", "#db2777")),
};
export const OTHER_COLOUR = darker(c("none-solid", "#6b7280"));
const DONE = c("success-solid", "#15803d");
const WORKING = c("running-solid", "#0891b2");
const FAILED = c("failed-solid", "#dc2626");

export const STYLE = `
.groq-page { color: ${FG}; font-size: 14px; line-height: 1.45; height: 100%; overflow: auto; padding: 16px 12px 24px;
  font-variant-numeric: tabular-nums; }
.groq-page h1 { font-size: 20px; font-weight: 600; line-height: 30px; margin: 0; outline: none; }
.groq-page p { margin: 0; }
.groq-page .groq-muted { color: ${MUTED}; }
.groq-page .groq-small { font-size: 12px; }
.groq-page .groq-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.groq-page a { color: ${LINK}; text-decoration: none; border-radius: 2px; }
.groq-page a:hover { text-decoration: underline; }
.groq-page :is(a, button, select, input, summary):focus-visible { outline: 2px solid ${FOCUS}; outline-offset: 2px; }
.groq-head { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; justify-content: space-between; }
.groq-bar { display: flex; flex-wrap: wrap; gap: 10px 12px; align-items: end; margin: 14px 0 12px; }
.groq-bar label.groq-field { display: flex; flex-direction: column; gap: 3px; font-size: 12px; font-weight: 500;
  color: ${MUTED}; }
.groq-bar .groq-push { margin-left: auto; display: flex; gap: 12px; align-items: center; min-height: 32px; }
.groq-page select, .groq-page input[type=text] { height: 32px; min-width: 150px; max-width: 280px; padding: 0 8px;
  border: 1px solid ${LINE}; border-radius: 4px; background-color: transparent; color: ${FG}; font-size: 14px; }
.groq-page select { appearance: none; padding-right: 30px; background-repeat: no-repeat; background-size: 5px 5px;
  background-position: right 15px center, right 10px center;
  background-image: linear-gradient(45deg, transparent 50%, ${MUTED} 50%),
    linear-gradient(135deg, ${MUTED} 50%, transparent 50%); }
.groq-page select option, .groq-page select optgroup { background: ${PANEL}; color: ${FG}; }
.groq-page button { display: inline-flex; align-items: center; gap: 6px; height: 32px; padding: 0 12px;
  border: 1px solid ${LINE}; border-radius: 4px; background: transparent; color: ${FG}; font-size: 14px;
  font-weight: 500; cursor: pointer; white-space: nowrap; }
.groq-page button:hover:not(:disabled) { background: ${SUBTLE}; }
.groq-page button:is(:disabled, [aria-disabled=true]) { opacity: .5; cursor: default; }
.groq-page button.groq-cancel { height: 28px; padding: 0 10px; color: ${RED}; }
.groq-page button.groq-danger { background: ${c("red-solid", "#dc2626")}; border-color: transparent;
  color: ${c("red-contrast", "#fff")}; }
.groq-page button.groq-danger:hover:not(:disabled) { background: ${c("red-solid", "#dc2626")}; filter: brightness(.92); }
.groq-page button.groq-toggle { height: auto; padding: 2px 4px 2px 0; border: 0; text-align: left; font-weight: 600;
  white-space: normal; }
.groq-page button.groq-toggle:hover { background: transparent; text-decoration: underline; }
.groq-toggle svg { flex: none; transition: transform .15s; }
.groq-toggle[aria-expanded=true] svg { transform: rotate(90deg); }
.groq-check { display: inline-flex; gap: 6px; align-items: center; cursor: pointer; }
.groq-check input { accent-color: ${FOCUS}; width: 15px; height: 15px; margin: 0; }
.groq-scroll { overflow-x: auto; }
.groq-page table { width: 100%; border-collapse: collapse; }
.groq-page th { text-align: left; font-weight: 500; padding: 10px 10px; border-bottom: 1px solid ${LINE};
  white-space: nowrap; }
.groq-page td { padding: 8px 10px; border-bottom: 1px solid ${LINE}; vertical-align: middle; }
.groq-page tbody:nth-of-type(odd) td { background: ${SUBTLE}; }
.groq-page .groq-number { text-align: right; white-space: nowrap; }
.groq-page .groq-shard td:first-child { padding-left: 34px; }
.groq-id { overflow-wrap: anywhere; }
.groq-page td .groq-id { font-size: 13px; white-space: nowrap; }
.groq-owner { max-width: 320px; overflow-wrap: anywhere; }
.groq-run { max-width: 160px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.groq-nowrap { white-space: nowrap; }
.groq-badges { display: flex; flex-wrap: wrap; gap: 4px; }
.groq-badge { display: inline-block; padding: 0 9px; border-radius: 12px; color: #fff; line-height: 24px; white-space: nowrap; max-width: 200px; overflow: hidden; text-overflow: ellipsis; }
.groq-progress { min-width: 120px; }
.groq-track { display: flex; margin-bottom: 3px; height: 6px; border-radius: 3px; overflow: hidden; background: ${c("bg-emphasized", "rgb(128 128 128 / .35)")}; }
.groq-track > div { height: 100%; transition: width .4s; }
.groq-done { background: ${DONE}; }
.groq-working { background: ${WORKING}; }
.groq-failed { background: ${FAILED}; }
.groq-some-failed { color: ${RED}; font-weight: 600; }
.groq-note summary { cursor: pointer; list-style: none; font-size: 12px; color: ${MUTED}; white-space: nowrap; }
.groq-note summary::before { content: "› "; }
.groq-note summary:hover { text-decoration: underline; }
.groq-note p { font-size: 12px; max-width: 420px; white-space: pre-wrap; overflow-wrap: anywhere; margin-top: 4px; }
.groq-alert { display: flex; gap: 10px; border: 1px solid ${LINE}; border-left: 4px solid ${FAILED}; border-radius: 4px;
  padding: 10px 14px; margin-bottom: 12px; background: ${c("bg-error", SUBTLE)}; overflow-wrap: anywhere; }
.groq-empty { padding: 36px 16px; text-align: center; }
.groq-empty button { margin-top: 12px; }
.groq-foot { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-top: 12px; }
.groq-foot .groq-push { margin-left: auto; display: flex; gap: 8px; }
.groq-page dialog { margin: auto; border: 1px solid ${LINE}; border-radius: 8px; padding: 20px 24px; max-width: 560px;
  width: calc(100% - 32px); background: ${PANEL}; color: ${FG}; box-shadow: 0 12px 40px rgb(0 0 0 / .35); }
.groq-page dialog::backdrop { background: rgb(0 0 0 / .5); }
.groq-page dialog h2 { font-size: 18px; font-weight: 600; margin: 0 0 8px; }
.groq-page dialog ul { margin: 12px 0; padding-left: 20px; list-style: disc; display: grid; gap: 6px; }
.groq-page dialog .groq-buttons { display: flex; justify-content: flex-end; gap: 10px; margin-top: 18px; }
@media (prefers-reduced-motion: reduce) { .groq-page * { transition: none !important; } }
`;
