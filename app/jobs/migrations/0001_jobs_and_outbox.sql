-- Only types and clauses that SQLite and PostgreSQL both understand. Times are milliseconds since 1970, UTC.
CREATE TABLE jobs (
    id         TEXT   NOT NULL PRIMARY KEY,
    kind       TEXT   NOT NULL,
    payload    TEXT   NOT NULL,
    status     TEXT   NOT NULL CHECK (status IN ('SUBMITTED', 'RUNNING', 'COMPLETED', 'FAILED')),
    reason     TEXT,
    attempts   BIGINT NOT NULL DEFAULT 0,
    -- While RUNNING: until when the worker that has it may be taken to be alive.
    held_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A job's message, written in the job's own transaction and kept until the queue has taken it.
CREATE TABLE outbox (
    job_id     TEXT   NOT NULL PRIMARY KEY REFERENCES jobs (id),
    body       TEXT   NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    sent_at    BIGINT
);

CREATE INDEX outbox_unsent ON outbox (not_before) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
