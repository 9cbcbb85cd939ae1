// Puts the page together: the form, the list, the charts, and what is heard from the API.

import { readJob } from "./api.js";
import { chart } from "./chart.js";
import { byId, element, moment, plural } from "./dom.js";
import { submitForm } from "./form.js";
import { jobList } from "./jobs.js";
import { listen } from "./live.js";
import { kindWord, shortId, statusWord } from "./row.js";

/** As many imports as are offered for a report, the newest. */
const IMPORTS_MAX = 100;
const PULSES_MAX = 1_000;
const SPAN_MS = 10 * 60 * 1000;
/** A connection that is back at once is not worth a word. */
const AWAY_SAID_AFTER_MS = 1_500;

/** Jobs submitted here; their end is said aloud. */
const mine = new Set();
const imports = new Map();
let pulses = [];
let firstVersion;

const list = jobList({ heardOf });
submitForm({ accepted });
const drawQueue = chart(byId("queue-chart"), { read: (pulse) => pulse.visible, sentence: "Jobs waiting in the queue" });
const drawWorkers = chart(byId("worker-chart"), { read: (pulse) => pulse.workers, sentence: "Workers alive", steps: true });

async function accepted(id) {
  mine.add(id);
  try {
    list.take([await readJob(id)]);
  } catch {
    // It will be heard of.
  }
}

function heardOf(job) {
  const ended = ["COMPLETED", "FAILED", "CANCELLED"].includes(job.status);
  if (ended && mine.delete(job.id)) {
    byId("said").textContent = `${kindWord(job.kind)} ${shortId(job.id)}: ${statusWord(job.status)}.`;
  }
  if (job.kind === "csv-import" && job.status === "COMPLETED" && !imports.has(job.id)) offerImport(job);
}

/** A report may be of one import alone: those seen here are offered. */
function offerImport(job) {
  const words = `${plural(job.result?.imported ?? 0, "row")}, ${moment(job.created_at)} (${shortId(job.id)})`;
  const option = element("option", { value: job.id }, words);
  imports.set(job.id, option);
  const select = byId("import");
  const older = [...select.options].find((each) => each.value && each.value < job.id);
  if (older) older.before(option);
  else select.append(option);
  while (select.options.length > IMPORTS_MAX) {
    imports.delete(select.lastElementChild.value);
    select.lastElementChild.remove();
  }
}

function takePulses(heard) {
  const byTime = new Map([...pulses, ...heard].map((pulse) => [pulse.at, pulse]));
  const first = Date.now() - SPAN_MS;
  // Several processes may have told of the same minutes.
  pulses = [...byTime.values()]
    .filter((pulse) => Date.parse(pulse.at) >= first)
    .sort((one, other) => Date.parse(one.at) - Date.parse(other.at))
    .slice(-PULSES_MAX);
  drawPulses();
}

function drawPulses() {
  drawQueue(pulses);
  drawWorkers(pulses);
  const last = pulses.at(-1);
  const number = (chart, value, one, many) => {
    byId(chart).querySelector("[data-number]").textContent = value?.toLocaleString() ?? "–";
    byId(chart).querySelector("[data-unit]").textContent = value === 1 ? one : many;
  };
  const busy = last?.in_flight ? `, ${last.in_flight.toLocaleString()} in hand` : "";
  number("queue-chart", last?.visible, `job waiting${busy}`, `jobs waiting${busy}`);
  number("worker-chart", last?.workers, "alive", "alive");
}

function takeCounts(counts) {
  for (const place of document.querySelectorAll("[data-count]")) {
    place.textContent = counts?.[place.dataset.count]?.toLocaleString() ?? "";
  }
}

function showVersion(version) {
  firstVersion ??= version;
  byId("version").textContent = `job-api ${version}`;
  // The page of another version may ask for things that this one answers otherwise.
  if (version !== firstVersion) {
    byId("version").append(" is new; ", element("a", { href: "/" }, "load its page"));
  }
}

let away;
function showConnection(state) {
  const say = (words) => {
    byId("connection").dataset.state = state;
    byId("connection-words").textContent = words;
  };
  if (state === "live") {
    clearTimeout(away);
    away = undefined;
    say("Live");
  } else {
    // Each try that fails says so again; it counts from the first.
    away ??= setTimeout(() => say("Reconnecting"), AWAY_SAID_AFTER_MS);
  }
}

listen(
  {
    snapshot: (snapshot) => {
      list.begin(snapshot);
      takeCounts(snapshot.counts);
      takePulses(snapshot.pulses);
      showVersion(snapshot.version);
    },
    resumed: (missed) => {
      list.take(missed.jobs);
      takeCounts(missed.counts);
      takePulses(missed.pulses);
      showVersion(missed.version);
    },
    jobs: (changed) => list.take(changed.jobs),
    pulse: (pulse) => takePulses([pulse]),
    counts: takeCounts,
  },
  showConnection,
);
