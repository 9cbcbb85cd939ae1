-- Only types and clauses that SQLite and PostgreSQL both understand.

-- Jobs can be CANCELLED now. SQLite can't change a CHECK, so the table is written anew, and with it the outbox that
-- refers to it. Renaming comes first: on PostgreSQL it keeps everybody else out until the copy is complete. Jobs come
-- before the outbox, as everywhere, so that nobody waits crosswise.
ALTER TABLE jobs RENAME TO jobs_before;
ALTER TABLE outbox RENAME TO outbox_before;

CREATE TABLE jobs (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    payload    TEXT   NOT NULL,
    status     TEXT   NOT NULL CHECK (status IN ('SUBMITTED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    reason     TEXT,
    request_id TEXT,
    -- JSON; only on a COMPLETED job.
    result     TEXT,
    attempts   BIGINT NOT NULL DEFAULT 0,
    -- While RUNNING: until when the worker that has it may be taken to be alive.
    held_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE outbox (
    job_id     TEXT   NOT NULL PRIMARY KEY REFERENCES jobs (id),
    body       TEXT   NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    sent_at    BIGINT
);

INSERT INTO jobs (id, kind, payload, status, reason, attempts, held_until, created_at, updated_at)
SELECT id, kind, payload, status, reason, attempts, held_until, created_at, updated_at FROM jobs_before;

INSERT INTO outbox (job_id, body, attempts, not_before, sent_at)
SELECT job_id, body, attempts, not_before, sent_at FROM outbox_before;

DROP TABLE outbox_before;
DROP TABLE jobs_before;

-- In the order in which messages are claimed, so that a claim costs the same however many are owed.
CREATE INDEX outbox_unsent ON outbox (not_before, job_id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE INDEX jobs_by_change ON jobs (updated_at, id);

-- What happened to a job, in order; rows are only ever added, in the transaction that changes the job.
CREATE TABLE job_history (
    job_id  TEXT   NOT NULL REFERENCES jobs (id),
    step    BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    event   TEXT   NOT NULL
            CHECK (event IN ('SUBMITTED', 'BEGUN', 'RELEASED', 'COMPLETED', 'FAILED', 'CANCELLED')),
    attempt BIGINT NOT NULL,
    worker  TEXT,
    detail  TEXT,
    PRIMARY KEY (job_id, step)
);

-- The database itself refuses a second end.
CREATE UNIQUE INDEX job_history_one_end ON job_history (job_id)
    WHERE event IN ('COMPLETED', 'FAILED', 'CANCELLED');

-- The jobs of before get the part of their history that is known.
INSERT INTO job_history (job_id, step, at, event, attempt)
SELECT id, 1, created_at, 'SUBMITTED', 0 FROM jobs;

INSERT INTO job_history (job_id, step, at, event, attempt, detail)
SELECT id, 2, updated_at, status, attempts, reason FROM jobs WHERE status IN ('COMPLETED', 'FAILED');

CREATE TABLE idempotency_keys (
    key         TEXT   NOT NULL PRIMARY KEY,
    fingerprint TEXT   NOT NULL,
    -- The key is claimed before its job is written.
    job_id      TEXT   NOT NULL REFERENCES jobs (id) DEFERRABLE INITIALLY DEFERRED,
    created_at  BIGINT NOT NULL
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE uploads (
    id         TEXT   NOT NULL PRIMARY KEY,
    object     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    sha256     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE imported_rows (
    job_id           TEXT   NOT NULL REFERENCES jobs (id),
    line             BIGINT NOT NULL,
    order_id         TEXT   NOT NULL,
    ordered_on       TEXT   NOT NULL,
    product          TEXT   NOT NULL,
    quantity         BIGINT NOT NULL,
    unit_price_cents BIGINT NOT NULL,
    PRIMARY KEY (job_id, line)
);

-- Finds an order that comes twice in one file, however large the file.
CREATE UNIQUE INDEX imported_rows_by_order ON imported_rows (job_id, order_id);

CREATE TABLE workers (
    id         TEXT   NOT NULL PRIMARY KEY,
    version    TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    in_hand    BIGINT NOT NULL
);

-- What only one process at a time may do, and until when it has the right to; a killed one's runs out.
CREATE TABLE leases (
    name   TEXT   NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
);

CREATE TABLE scaling_overrides (
    id           TEXT   NOT NULL PRIMARY KEY,
    minimum      BIGINT NOT NULL,
    maximum      BIGINT NOT NULL,
    until        BIGINT NOT NULL,
    reason       TEXT   NOT NULL,
    requested_by TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    outcome      TEXT
);
