// Listens to /events, and comes back when the connection breaks, for whatever reason.

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;
/** A pulse comes every two seconds; a stream that is silent for this long is dead, whatever the browser believes. */
const SILENCE_MAX_MS = 20_000;

/**
 * `heard` has one function for each event; `changed` is told "live" or "away".
 */
export function listen(heard, changed) {
  let source;
  let pause = RETRY_FIRST_MS;
  let watchdog;

  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(again, SILENCE_MAX_MS);
  };

  function open() {
    source = new EventSource("/events");
    source.addEventListener("open", () => {
      pause = RETRY_FIRST_MS;
      changed("live");
      alive();
    });
    // A browser retries a stream that broke, but not one that was refused: 503 while a process drains is one.
    source.addEventListener("error", () => {
      changed("away");
      if (source.readyState === EventSource.CLOSED) again();
    });
    for (const [name, tell] of Object.entries(heard)) {
      source.addEventListener(name, (event) => {
        alive();
        tell(JSON.parse(event.data));
      });
    }
  }

  function again() {
    source.close();
    clearTimeout(watchdog);
    changed("away");
    // Not all pages at once, after the process that they all listened to has gone.
    setTimeout(open, pause * (0.5 + Math.random()));
    pause = Math.min(pause * 2, RETRY_MAX_MS);
  }

  open();
}
