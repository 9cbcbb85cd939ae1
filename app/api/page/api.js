// Asks the API. What it refuses is thrown as a Refusal, with a sentence for the person who asked.

const PATIENCE_MS = 15_000;

export class Refusal extends Error {
  constructor(sentence, code = "unreachable", status = 0) {
    super(sentence);
    this.code = code;
    /** Whether it is sure that nothing came of the request; otherwise it may have taken effect. */
    this.isFinal = status >= 400 && status < 500;
  }
}

export const readJob = (id) => ask("GET", `/jobs/${encodeURIComponent(id)}`);

export const cancelJob = (id) => ask("DELETE", `/jobs/${encodeURIComponent(id)}`);

/** The first page of jobs; each page says in `next` where the following one is. */
export function listJobs(status, limit) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (status) query.set("status", status);
  return listMore(`/jobs?${query}`);
}

export const listMore = (next) => ask("GET", next);

/** `key` is the same for every try of one submission, so that no try can make a second job of it. */
export function submitJob(kind, payload, key) {
  return ask("POST", "/submit-job", { kind, payload }, { "idempotency-key": key });
}

async function ask(method, path, body, headers = {}) {
  const request = { method, headers: { accept: "application/json", ...headers }, signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["content-type"] = "application/json";
  }
  let answer, text;
  try {
    answer = await fetch(path, request);
    text = await answer.text();
  } catch {
    throw new Refusal("The API can’t be reached. Try again in a moment.");
  }
  if (answer.ok) return parsed(text) ?? {};
  throw refusal(answer.status, text, answer.headers.get("retry-after"));
}

/**
 * Sends a file as it is. Not with fetch, which can't tell how much has gone.
 * Returns what to wait for and how to stop it.
 */
export function uploadFile(file, told) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => told(event.loaded, event.lengthComputable ? event.total : file.size));
    request.addEventListener("load", () => {
      const accepted = request.status >= 200 && request.status < 300;
      if (accepted) resolve(parsed(request.responseText) ?? {});
      else reject(refusal(request.status, request.responseText, request.getResponseHeader("retry-after")));
    });
    request.addEventListener("abort", () => reject(new Refusal("The upload was stopped; nothing was submitted.", "stopped")));
    request.addEventListener("error", () =>
      reject(new Refusal("The upload broke off: the API can’t be reached, or the file is larger than it takes. Nothing was submitted.")),
    );
  });
  request.open("POST", `/uploads?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("content-type", "text/csv");
  request.setRequestHeader("accept", "application/json");
  request.send(file);
  return { done, stop: () => request.abort() };
}

function refusal(status, text, retryAfter) {
  const problem = parsed(text);
  const sentence = problem?.detail ?? `The API answered ${status}.`;
  const again = retryAfter && /^\d+$/.test(retryAfter) ? ` Try again in ${retryAfter} s.` : "";
  return new Refusal(capital(sentence) + again, problem?.code, status);
}

function capital(sentence) {
  const whole = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
