-- Every table is STRICT, every closed set of words is a CHECK: a row that the code could not have meant is
-- refused when it is written, not found years later. Instants are milliseconds since 1970-01-01 UTC.

-- A process that ran tasks. Rows of runs that have not ended point here, so that a later life can tell whether
-- theirs is over. AUTOINCREMENT: a number never means two lives.
CREATE TABLE lives (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('daemon', 'exec')),
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_started INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

-- `seq` is the order in which runs were recorded, and the only order that a wrong clock cannot spoil: ids and
-- created_at both come from the wall clock. "Newest" means the highest seq, in retention and in lists; a page
-- of a list goes on from a seq. As an integer key it also keeps every index below small.
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 26),
    task_name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('task', 'service')),
    phase TEXT NOT NULL CHECK (phase IN ('pending', 'running', 'ended')),
    triggered_by TEXT NOT NULL CHECK (triggered_by IN ('cron', 'api', 'service', 'startup', 'exec')),
    created_at INTEGER NOT NULL,
    log_stem TEXT NOT NULL,
    message TEXT NOT NULL,
    waits_for TEXT CHECK (waits_for IN ('queue', 'retry', 'restart')),
    due_at INTEGER,
    scheduled_for INTEGER,
    start_at INTEGER,
    end_at INTEGER,
    end_reason TEXT CHECK (end_reason IN (
        'success', 'failed', 'timeout', 'log_overflow', 'stopped', 'daemon_stopped', 'crashed', 'skipped',
        'queue_full', 'dst_skipped', 'missed'
    )),
    exit_code INTEGER NOT NULL,
    replica_index INTEGER NOT NULL,
    retry_attempt INTEGER NOT NULL,
    retry_of_run_id TEXT,
    cpu_seconds REAL,
    max_rss_bytes INTEGER,
    log_lines INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL,
    log_dropped_lines INTEGER NOT NULL,
    log_disk_bytes INTEGER NOT NULL,
    pid INTEGER,
    pid_started INTEGER,
    -- Set while the run has not ended.
    life_id INTEGER REFERENCES lives (id),
    -- When retention took the log away for [storage] max_size; the row goes at a later sweep.
    log_removed_at INTEGER,
    CHECK ((phase = 'ended') = (end_reason IS NOT NULL)),
    CHECK ((phase = 'ended') = (life_id IS NULL))
) STRICT;

-- What a starting daemon asks for; holds only the few rows that have not ended.
CREATE INDEX unfinished_runs ON runs (life_id) WHERE life_id IS NOT NULL;

-- The newest runs of a task (each index ends in seq by itself), for lists, "last run" and keep_runs.
CREATE INDEX runs_of_task ON runs (task_name);

-- keep_for. Not by seq, since a clock that was wrong for an hour would hide old rows behind one from the future.
CREATE INDEX runs_of_task_by_age ON runs (task_name, created_at);

-- [storage] max_size: ended runs whose log is on disk, the one that ended first in front.
CREATE INDEX runs_with_log ON runs (end_at) WHERE phase = 'ended' AND log_disk_bytes > 0;

-- The second half of a removal for max_size; nearly always empty.
CREATE INDEX runs_without_log ON runs (log_removed_at) WHERE log_removed_at IS NOT NULL;

-- How many runs there are, and what their logs take on disk, kept by the triggers below: counting a million
-- rows when a sweep or a page of a list needs the number would take longer than the sweep.
CREATE TABLE run_counts (
    task_name TEXT NOT NULL,
    status TEXT NOT NULL,
    run_count INTEGER NOT NULL,
    log_disk_bytes INTEGER NOT NULL,
    PRIMARY KEY (task_name, status)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER count_new_run AFTER INSERT ON runs
BEGIN
    INSERT INTO run_counts VALUES (NEW.task_name, coalesce(NEW.end_reason, NEW.phase), 1, NEW.log_disk_bytes)
    ON CONFLICT DO UPDATE SET
        run_count = run_count + 1, log_disk_bytes = log_disk_bytes + excluded.log_disk_bytes;
END;

CREATE TRIGGER count_changed_run AFTER UPDATE OF phase, end_reason, log_disk_bytes ON runs
WHEN OLD.phase <> NEW.phase OR OLD.end_reason IS NOT NEW.end_reason OR OLD.log_disk_bytes <> NEW.log_disk_bytes
BEGIN
    UPDATE run_counts SET run_count = run_count - 1, log_disk_bytes = log_disk_bytes - OLD.log_disk_bytes
    WHERE task_name = OLD.task_name AND status = coalesce(OLD.end_reason, OLD.phase);
    INSERT INTO run_counts VALUES (NEW.task_name, coalesce(NEW.end_reason, NEW.phase), 1, NEW.log_disk_bytes)
    ON CONFLICT DO UPDATE SET
        run_count = run_count + 1, log_disk_bytes = log_disk_bytes + excluded.log_disk_bytes;
END;

CREATE TRIGGER count_deleted_run AFTER DELETE ON runs
BEGIN
    UPDATE run_counts SET run_count = run_count - 1, log_disk_bytes = log_disk_bytes - OLD.log_disk_bytes
    WHERE task_name = OLD.task_name AND status = coalesce(OLD.end_reason, OLD.phase);
END;

-- Where each schedule stands. No reference to runs: retention never touches it.
CREATE TABLE marks (
    task_name TEXT PRIMARY KEY NOT NULL,
    schedule TEXT NOT NULL,
    anchored_at INTEGER NOT NULL,
    last_fired_at INTEGER
) STRICT, WITHOUT ROWID;

-- Logs that are to be deleted from disk, remembered until that is done. Written in the transaction that
-- deletes the row, so a kill in between loses neither. AUTOINCREMENT: later removals always have higher ids.
CREATE TABLE removals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    log_stem TEXT NOT NULL
) STRICT;
