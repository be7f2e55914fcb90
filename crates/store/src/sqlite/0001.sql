-- Strings that stand in many rows (owners, tables, queues) are written once; 0 stands for the empty one.
CREATE TABLE word (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);
INSERT INTO word VALUES (0, '');

-- The next execution number that nobody has been given yet.
CREATE TABLE reserved (
  next INTEGER NOT NULL
);
INSERT INTO reserved VALUES (1);

CREATE TABLE record (
  family  INTEGER NOT NULL,
  key     TEXT NOT NULL,
  version INTEGER NOT NULL,
  value   BLOB NOT NULL,
  PRIMARY KEY (family, key)
) WITHOUT ROWID;

-- Keys grow, so new rows always land on the last page, next to those of the same commit.
CREATE TABLE execution (
  key        INTEGER PRIMARY KEY,
  owner      INTEGER NOT NULL,
  name       TEXT NOT NULL,
  status     INTEGER NOT NULL,
  open       INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER,
  detail     BLOB NOT NULL
);
CREATE UNIQUE INDEX execution_name ON execution (owner, name);
-- The rowid (the key) closes each entry: one status is read newest first, all are merged.
CREATE INDEX execution_status ON execution (owner, status);

CREATE TABLE journal (
  execution   INTEGER NOT NULL,
  sequence    INTEGER NOT NULL,
  first_event INTEGER NOT NULL,
  bytes       BLOB NOT NULL,
  PRIMARY KEY (execution, sequence)
) WITHOUT ROWID;

CREATE TABLE timer (
  execution INTEGER NOT NULL,
  timer     INTEGER NOT NULL,
  due_at    INTEGER NOT NULL,
  PRIMARY KEY (execution, timer)
) WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_at, execution, timer);

CREATE TABLE task (
  execution INTEGER NOT NULL,
  task      INTEGER NOT NULL,
  queue     INTEGER NOT NULL,
  detail    BLOB NOT NULL,
  PRIMARY KEY (execution, task)
) WITHOUT ROWID;
CREATE INDEX task_queue ON task (queue, execution, task) WHERE queue > 0;
