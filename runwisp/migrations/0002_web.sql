-- Of all tasks those of one status, newest first.
CREATE INDEX runs_by_status ON runs (coalesce(end_reason, phase));

-- Of all tasks those of some span of time.
CREATE INDEX runs_by_age ON runs (created_at);

-- How many runs ended in each half hour, and how, for the summary by day: nearly everywhere days begin at a full
-- or half hour of UTC. Stays when the runs themselves are deleted; half_hour is end_at / 1,800,000.
CREATE TABLE run_ends (
    half_hour INTEGER NOT NULL,
    end_reason TEXT NOT NULL,
    run_count INTEGER NOT NULL,
    PRIMARY KEY (half_hour, end_reason)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER count_new_end AFTER INSERT ON runs WHEN NEW.phase = 'ended'
BEGIN
    INSERT INTO run_ends VALUES (coalesce(NEW.end_at, NEW.created_at) / 1800000, NEW.end_reason, 1)
    ON CONFLICT DO UPDATE SET run_count = run_count + 1;
END;

CREATE TRIGGER count_end AFTER UPDATE OF phase ON runs WHEN OLD.phase <> 'ended' AND NEW.phase = 'ended'
BEGIN
    INSERT INTO run_ends VALUES (coalesce(NEW.end_at, NEW.created_at) / 1800000, NEW.end_reason, 1)
    ON CONFLICT DO UPDATE SET run_count = run_count + 1;
END;

INSERT INTO run_ends
SELECT coalesce(end_at, created_at) / 1800000 AS half_hour, end_reason, count(*)
FROM runs WHERE phase = 'ended' GROUP BY half_hour, end_reason;

-- What sessions are signed with, and what tells whether the password is that of the last start. One row.
CREATE TABLE signing (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32),
    salt BLOB NOT NULL,
    password_hash BLOB NOT NULL,
    -- The password came from the environment.
    is_given INTEGER NOT NULL CHECK (is_given IN (0, 1))
) STRICT;

-- Tokens that were logged out, each until it would have expired.
CREATE TABLE revoked_tokens (
    token_id TEXT PRIMARY KEY NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The bell. No reference to runs: a notice outlives the run it is about. `times` are the last ones it happened
-- at, a JSON array with the newest in front; `count` is how often in all.
CREATE TABLE notices (
    id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 26),
    task_name TEXT,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warn', 'error')),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    run_id TEXT,
    end_reason TEXT,
    count INTEGER NOT NULL CHECK (count > 0),
    times TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    is_read INTEGER NOT NULL CHECK (is_read IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX notices_by_time ON notices (updated_at);
CREATE INDEX unread_notices ON notices (id) WHERE is_read = 0;
