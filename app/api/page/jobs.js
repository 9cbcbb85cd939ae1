// The list of jobs: newest first, filtered by status, kept up to date by what is heard.

import { listJobs, listMore } from "./api.js";
import { byId, prose } from "./dom.js";
import { row } from "./row.js";

const PAGE = 25;
/** More rows than anybody scrolls through; the oldest give way. */
const ROWS_MAX = 500;
const TICK_MS = 5_000;

export function jobList({ heardOf }) {
  const list = byId("job-rows");
  const empty = byId("empty");
  const more = byId("more");
  const refusal = byId("list-refusal");
  const rows = new Map();
  let filter = "";
  let next = null;
  let reading = 0;

  /** Takes in jobs that are new or have changed. Old news is passed over. */
  function take(jobs) {
    for (const job of jobs) {
      heardOf(job);
      const known = rows.get(job.id);
      if (known && Date.parse(known.job().updated_at) > Date.parse(job.updated_at)) continue;
      if (filter && job.status !== filter) drop(job.id);
      else if (known) known.show(job);
      else insert(job);
    }
    trim();
    sayIfEmpty();
  }

  function insert(job) {
    // Ids sort by the time of submission. What is older than the last row comes with the next page.
    const ids = [...rows.keys()];
    const oldest = ids.at(-1);
    if (next !== null && oldest !== undefined && job.id < oldest) return;
    const made = row(job, (changed) => take([changed]));
    const after = ids.findIndex((id) => id < job.id);
    if (after === -1) {
      rows.set(job.id, made);
      list.append(made.item);
      return;
    }
    rows.get(ids[after]).item.before(made.item);
    const entries = [...rows];
    entries.splice(after, 0, [job.id, made]);
    rows.clear();
    for (const [id, each] of entries) rows.set(id, each);
  }

  function drop(id) {
    const gone = rows.get(id);
    if (!gone) return;
    // Whoever has the keyboard there is not thrown to the top of the page.
    if (gone.item.contains(document.activeElement)) byId("jobs").focus();
    gone.item.remove();
    rows.delete(id);
  }

  function trim() {
    for (const id of [...rows.keys()].slice(ROWS_MAX)) {
      drop(id);
      // What follows the rows that are left is known to nobody now.
      next = null;
    }
    more.hidden = next === null;
  }

  function sayIfEmpty() {
    empty.hidden = rows.size > 0;
    empty.textContent = filter ? "No job has this status." : "No jobs yet. The first one that is submitted appears here.";
  }

  /** Starts over with these jobs, which are the newest of all. */
  function begin(page) {
    if (filter) {
      // The snapshot is of all jobs; what is filtered has to be asked for.
      void read();
      return;
    }
    reading += 1;
    replace(page.jobs, page.next ?? null);
  }

  function replace(jobs, cursor) {
    const kept = new Set(jobs.map((job) => job.id));
    for (const id of [...rows.keys()]) if (!kept.has(id)) drop(id);
    next = null;
    take(jobs);
    next = cursor;
    refusal.hidden = true;
    trim();
  }

  async function read(after) {
    const mine = (reading += 1);
    more.setAttribute("aria-disabled", "true");
    try {
      const page = await (after === undefined ? listJobs(filter, PAGE) : listMore(after));
      // Another filter was chosen meanwhile.
      if (mine !== reading) return;
      if (after === undefined) {
        replace(page.jobs, page.next ?? null);
      } else {
        next = null;
        take(page.jobs);
        next = page.next ?? null;
        trim();
      }
      refusal.hidden = true;
    } catch (error) {
      if (mine !== reading) return;
      refusal.replaceChildren(...prose(error.message));
      refusal.hidden = false;
    } finally {
      more.removeAttribute("aria-disabled");
    }
  }

  byId("filter").addEventListener("change", (event) => {
    filter = event.target.value;
    void read();
  });
  more.addEventListener("click", async () => {
    if (more.getAttribute("aria-disabled") === "true") return;
    const before = rows.size;
    await read(next);
    const first = [...rows.values()][before];
    // The button may be gone; the first new row is where one reads on.
    if (first && more.hidden) first.item.querySelector("button:not([hidden])")?.focus();
  });
  setInterval(() => rows.forEach((each) => each.tick()), TICK_MS);

  return { begin, take };
}
