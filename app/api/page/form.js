// The form: which fields a kind has, what is sent, and what is said about it.

import { Refusal, submitJob, uploadFile } from "./api.js";
import { byId, bytes, prose } from "./dom.js";
import { kindWord, shortId } from "./row.js";

/** `accepted` is told the id of each job that was taken. */
export function submitForm({ accepted }) {
  const form = byId("submit");
  const send = byId("send");
  const refusal = byId("refusal");
  const said = byId("accepted");
  const template = byId("template");
  const kind = () => form.elements.kind.value;
  /** The attempts whose fate is unknown: tried again unchanged, each is the same attempt, with its key and its upload. */
  const attempts = new Map();

  function showFields() {
    for (const fields of form.querySelectorAll("fieldset.fields")) {
      fields.hidden = fields.dataset.kind !== kind();
      fields.disabled = fields.hidden;
    }
    for (const field of form.querySelectorAll("[data-template]")) {
      field.hidden = field.dataset.template !== template.value;
      for (const input of field.querySelectorAll("input")) input.disabled = field.hidden;
    }
    refuse("");
  }

  function refuse(sentence) {
    refusal.replaceChildren(...prose(sentence));
    refusal.hidden = sentence === "";
  }

  /** The first field that is not right, in the browser's own words. */
  function mistake() {
    const wrong = [...form.elements].find((field) => field.willValidate && !field.validity.valid);
    for (const field of form.elements) field.removeAttribute("aria-invalid");
    if (!wrong) return false;
    const label = wrong.labels[0].firstChild.textContent.trim();
    wrong.setAttribute("aria-invalid", "true");
    wrong.setAttribute("aria-errormessage", "refusal");
    refuse(`${label}: ${wrong.type === "file" ? "choose a file." : wrong.validationMessage}`);
    wrong.focus();
    return true;
  }

  /** What the job works on; for a file not its content, but what tells it from others. */
  function chosenContent() {
    switch (kind()) {
      case "csv-import": {
        const { name, size, lastModified } = byId("file").files[0];
        return { name, size, lastModified };
      }
      case "report":
        return byId("import").value ? { import: byId("import").value } : {};
      case "email": {
        const inputs = form.querySelectorAll("[data-value]:enabled");
        const values = Object.fromEntries([...inputs].map((input) => [input.dataset.value, input.value]));
        return { to: byId("to").value, template: template.value, values };
      }
      default: {
        const reason = byId("fail-with").value.trim();
        const milliseconds = Math.round(byId("seconds").valueAsNumber * 1000);
        return reason ? { milliseconds, fail_with: reason } : { milliseconds };
      }
    }
  }

  async function upload(file) {
    const shown = byId("upload");
    const words = byId("progress-words");
    const progress = byId("progress");
    const going = uploadFile(file, (sent, total) => {
      progress.max = Math.max(total, 1);
      progress.value = sent;
      words.textContent = sent < total ? `Uploading, ${bytes(sent)} of ${bytes(total)}` : `Uploaded ${bytes(total)}, being stored`;
    });
    progress.value = 0;
    words.textContent = `Uploading ${bytes(file.size)}`;
    shown.hidden = false;
    byId("stop-upload").onclick = going.stop;
    try {
      return await going.done;
    } finally {
      if (shown.contains(document.activeElement)) send.focus();
      shown.hidden = true;
    }
  }

  /** The payload of an attempt. A file goes once: a second upload of it would make another submission, and another job. */
  async function payload(attempt, file) {
    if (attempt.kind !== "csv-import") return attempt.content;
    attempt.upload ??= (await upload(file)).id;
    return { upload: attempt.upload };
  }

  function attemptFor(kind, content) {
    const name = JSON.stringify([kind, content]);
    if (!attempts.has(name)) attempts.set(name, { name, kind, content, key: freshKey() });
    return attempts.get(name);
  }

  async function submit(event) {
    event.preventDefault();
    if (send.getAttribute("aria-disabled") === "true") return;
    refuse("");
    said.textContent = "";
    if (mistake()) return;
    // `disabled` would take the keyboard's focus away.
    send.setAttribute("aria-disabled", "true");
    const attempt = attemptFor(kind(), chosenContent());
    try {
      const content = await payload(attempt, byId("file").files[0]);
      const job = await submitJob(attempt.kind, content, attempt.key);
      said.textContent = `${kindWord(attempt.kind)} ${shortId(job.id)} accepted.`;
      attempts.delete(attempt.name);
      byId("file").value = "";
      accepted(job.id);
    } catch (error) {
      if (error.isFinal) attempts.delete(attempt.name);
      refuse(error instanceof Refusal ? error.message : `This page failed: ${error.message}`);
      refusal.focus();
    } finally {
      send.removeAttribute("aria-disabled");
    }
  }

  form.addEventListener("change", (event) => {
    if (event.target.name === "kind" || event.target === template) showFields();
  });
  form.addEventListener("submit", submit);
  showFields();
}

/** `crypto.randomUUID` is not there on a page that came over plain HTTP. */
function freshKey() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
