// Draws one number over the last ten minutes, as a line in an SVG and as a sentence.

import { svg } from "./dom.js";

const SPAN_MS = 10 * 60 * 1000;
/** Between two points that are further apart nobody looked, and no line is drawn. */
const GAP_MS = 15_000;
const WIDTH = 340;
const HEIGHT = 120;
const PLOT = { left: 28, right: WIDTH - 3, top: 8, bottom: HEIGHT - 22 };

/**
 * `read` takes the number out of a pulse, or null; `sentence` names what is drawn;
 * `steps` is for what changes at once rather than gradually.
 */
export function chart(figure, { read, sentence, steps = false }) {
  const title = svg("title", { id: `${figure.id}-text` });
  const grid = svg("g", { class: "grid" });
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": title.id }, title, grid, area, line);
  figure.append(drawing);

  return function draw(pulses, now = Date.now()) {
    const points = pulses
      .map((pulse) => ({ at: Date.parse(pulse.at), value: read(pulse) }))
      .filter((point) => point.at >= now - SPAN_MS);
    const known = points.filter((point) => point.value !== null);
    const most = Math.max(0, ...known.map((point) => point.value));
    const ceiling = nice(most);
    const x = (at) => PLOT.right - ((now - at) / SPAN_MS) * (PLOT.right - PLOT.left);
    const y = (value) => PLOT.bottom - (value / ceiling) * (PLOT.bottom - PLOT.top);

    grid.replaceChildren(...ruler(ceiling, y), ...hours());
    const strokes = runs(points).map((run) => run.map((point) => [x(point.at), y(point.value)]));
    line.setAttribute("d", strokes.map((run) => path(run, steps)).join(""));
    area.setAttribute("d", strokes.map((run) => closed(run, steps)).join(""));
    title.textContent = told(sentence, known, points.at(-1)?.value ?? null, most);
  };
}

function told(sentence, known, last, most) {
  if (known.length === 0) return `${sentence} over the last 10 minutes: not known yet.`;
  const least = Math.min(...known.map((point) => point.value));
  const now = last === null ? "not known" : last;
  return `${sentence} over the last 10 minutes: now ${now}, at most ${most}, at least ${least}.`;
}

/** Unbroken stretches of known values. */
function runs(points) {
  const found = [];
  let run = [];
  let before;
  for (const point of points) {
    if (run.length > 0 && (point.value === null || point.at - before > GAP_MS)) {
      found.push(run);
      run = [];
    }
    if (point.value !== null) run.push(point);
    before = point.at;
  }
  if (run.length > 0) found.push(run);
  return found;
}

function path(run, steps) {
  const [[firstX, firstY], ...rest] = run;
  const corner = ([x, y]) => (steps ? `H${cut(x)}V${cut(y)}` : `L${cut(x)} ${cut(y)}`);
  // A single point is still something to see.
  return `M${cut(firstX)} ${cut(firstY)}${rest.length === 0 ? "h1" : rest.map(corner).join("")}`;
}

function closed(run, steps) {
  const first = cut(run[0][0]);
  return `${path(run, steps)}V${PLOT.bottom}H${first}Z`;
}

function ruler(ceiling, y) {
  return [0, ceiling / 2, ceiling].filter(Number.isInteger).flatMap((value) => [
    svg("line", { x1: PLOT.left, x2: PLOT.right, y1: y(value), y2: y(value) }),
    svg("text", { x: PLOT.left - 7, y: y(value) + 3.5, "text-anchor": "end" }, short(value)),
  ]);
}

function hours() {
  const words = [
    [PLOT.left, "start", "10 min ago"],
    [(PLOT.left + PLOT.right) / 2, "middle", "5 min"],
    [PLOT.right, "end", "now"],
  ];
  return words.map(([x, anchor, word]) => svg("text", { x, y: HEIGHT - 5, "text-anchor": anchor }, word));
}

/** The next 1, 2, 4, 10, 20, 40, 100 ...: each has a whole half, but for 1. */
function nice(most) {
  for (let unit = 1; ; unit *= 10) {
    for (const step of [1, 2, 4]) {
      if (most <= step * unit) return step * unit;
    }
  }
}

function short(value) {
  return value >= 10_000 ? `${value / 1000}k` : value.toLocaleString();
}

const cut = (number) => Math.round(number * 10) / 10;
