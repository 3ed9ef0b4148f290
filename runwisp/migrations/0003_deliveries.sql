-- Messages on their way to somebody, each with everything that it tells. Written in the transaction that saves the
-- run, deleted once it was taken or given up. `due_at`: it was refused, and is tried again then.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY NOT NULL CHECK (length(id) = 26),
    address TEXT NOT NULL,
    event TEXT NOT NULL,
    run TEXT,
    count INTEGER NOT NULL CHECK (count > 0),
    since INTEGER,
    is_summary INTEGER NOT NULL CHECK (is_summary IN (0, 1)),
    attempts INTEGER NOT NULL,
    due_at INTEGER
) STRICT;

-- What goes on happening, and how much of it each address knows. Task and end reason are '' where there is none.
CREATE TABLE series (
    address TEXT NOT NULL,
    task_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    end_reason TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    event TEXT NOT NULL,
    run TEXT,
    count INTEGER NOT NULL CHECK (count > 0),
    told INTEGER NOT NULL,
    PRIMARY KEY (address, task_name, kind, end_reason)
) STRICT;
