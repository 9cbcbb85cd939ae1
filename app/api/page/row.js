// One job in the list: its line, its button to cancel, and its details when they are asked for.

import { cancelJob, readJob } from "./api.js";
import { ago, element, moment, plural, prose, svg } from "./dom.js";

const WORDS = {
  SUBMITTED: "Submitted",
  RUNNING: "Running",
  COMPLETED: "Completed",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
};
const KINDS = { sleep: "Sleep", "csv-import": "CSV import", email: "E-mail", report: "Report" };

export const statusWord = (status) => WORDS[status] ?? status;
export const kindWord = (kind) => KINDS[kind] ?? kind;
export const shortId = (id) => `…${id.slice(-6)}`;

/** `changed` is told the job as it is after a change that was asked for here. */
export function row(job, changed) {
  const shape = svg("use");
  const status = element("span", { class: "status" });
  const name = element("span", { class: "kind" }, kindWord(job.kind));
  const id = element("code", { class: "id", title: job.id }, shortId(job.id));
  const outcome = element("span", { class: "outcome" });
  const time = element("time");
  const refusal = element("p", { class: "refusal", role: "alert", hidden: true });
  const panel = element("div", { class: "details", id: `details-${job.id}`, hidden: true });
  const cancel = element("button", { type: "button", class: "quiet", onclick: stop }, "Cancel");
  const unfolds = { "aria-expanded": "false", "aria-controls": panel.id };
  const more = element("button", { type: "button", class: "plain", ...unfolds, onclick: toggle }, "Details");
  for (const button of [cancel, more]) {
    button.append(element("span", { class: "unseen" }, ` of ${kindWord(job.kind)} ${shortId(job.id)}`));
  }
  const icon = svg("svg", { class: "shape", "aria-hidden": "true" }, shape);
  const item = element(
    "li",
    { class: "row", "data-id": job.id },
    element(
      "div",
      { class: "summary" },
      element("span", { class: "state" }, icon, status),
      element("span", { class: "what" }, name, " ", id),
      outcome,
      time,
      element("span", { class: "buttons" }, cancel, more),
    ),
    refusal,
    panel,
  );
  let shown;

  function show(next) {
    const before = shown;
    shown = next;
    item.dataset.status = next.status;
    shape.setAttribute("href", `#shape-${next.status.toLowerCase()}`);
    status.textContent = statusWord(next.status);
    outcome.replaceChildren(...prose(outcomeOf(next)));
    time.setAttribute("datetime", next.updated_at);
    time.setAttribute("title", moment(next.updated_at));
    tick();
    if (next.status !== "SUBMITTED" && document.activeElement === cancel) more.focus();
    cancel.hidden = next.status !== "SUBMITTED";
    if (next.status !== "SUBMITTED") refusal.hidden = true;
    const moved = before && (before.status !== next.status || before.attempts !== next.attempts);
    if (moved && !panel.hidden) fill();
  }

  function tick() {
    time.textContent = ago(shown.updated_at);
  }

  async function stop() {
    if (cancel.getAttribute("aria-disabled") === "true") return;
    // `disabled` would take the keyboard's focus away.
    cancel.setAttribute("aria-disabled", "true");
    refusal.hidden = true;
    try {
      await cancelJob(shown.id);
      changed(await readJob(shown.id));
    } catch (error) {
      refusal.replaceChildren(...prose(error.message));
      refusal.hidden = false;
    } finally {
      cancel.removeAttribute("aria-disabled");
    }
  }

  function toggle() {
    const open = panel.hidden;
    panel.hidden = !open;
    more.setAttribute("aria-expanded", String(open));
    if (open) fill();
  }

  async function fill() {
    if (panel.childElementCount === 0) panel.append(element("p", { class: "hint" }, "Reading…"));
    try {
      panel.replaceChildren(...details(await readJob(shown.id)));
    } catch (error) {
      panel.replaceChildren(element("p", { class: "refusal" }, ...prose(error.message)));
    }
  }

  show(job);
  return { item, show, tick, job: () => shown };
}

/** What came of it, in a few words. */
function outcomeOf({ kind, status, reason, result, attempts }) {
  if (status === "FAILED") return reason ?? "no reason was given";
  if (status === "RUNNING") return attempts > 1 ? `attempt ${attempts}` : "";
  if (status !== "COMPLETED" || !result) return "";
  if (kind === "csv-import" && result.imported !== undefined) {
    const imported = `${plural(result.imported, "row")} imported`;
    return result.rejected > 0 ? `${imported}, ${result.rejected} rejected` : imported;
  }
  if (kind === "report" && result.rows !== undefined) return plural(result.rows, "product");
  if (kind === "email") return "sent";
  return "";
}

function details(job) {
  const facts = [
    ["Id", element("code", {}, job.id)],
    ["Submitted", moment(job.created_at)],
    ["Last change", moment(job.updated_at)],
    ["Attempts", String(job.attempts)],
    job.request_id && ["Request", element("code", {}, job.request_id)],
    ["Payload", element("code", {}, JSON.stringify(job.payload))],
    job.reason && ["Reason", element("span", {}, ...prose(job.reason))],
    job.kind === "email" && job.result?.message && ["Message", element("code", {}, `${job.result.sink}: ${job.result.message}`)],
  ];
  const list = facts.filter(Boolean).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
  const parts = [];
  if (job.kind === "report" && job.status === "COMPLETED") {
    const download = { href: `/jobs/${encodeURIComponent(job.id)}/report`, download: `report-${job.id}.csv` };
    parts.push(element("p", {}, element("a", download, "Download the report (CSV)")));
  }
  if (job.result?.rejectedRows?.length > 0) {
    const { rejected, rejectedRows } = job.result;
    if (rejected > rejectedRows.length) {
      const download = { href: `/jobs/${encodeURIComponent(job.id)}/rejections`, download: `rejections-${job.id}.csv` };
      parts.push(element("p", {}, element("a", download, `Download all ${plural(rejected, "rejected row")} (CSV)`)));
    }
    parts.push(rejections(job.result));
  }
  return [...parts, element("dl", {}, ...list)];
}

function rejections({ rejected, rejectedRows }) {
  const rows = rejectedRows.map(({ line, reason }) =>
    element("tr", {}, element("th", { scope: "row" }, String(line)), element("td", {}, ...prose(reason))),
  );
  const caption =
    rejected > rows.length ? `${plural(rejected, "row")} rejected; the first ${rows.length}` : `${plural(rejected, "row")} rejected`;
  return element(
    "table",
    { class: "rejections" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Line"), element("th", { scope: "col" }, "Why"))),
    element("tbody", {}, ...rows),
  );
}
