-- Ids are UUIDs in 16 bytes: half of their text, and they sort by the time they were made.
-- Times are microseconds since 1970. States and outcomes are the words of the domain.
-- Every row says whose it is, and children point to their call together with its account, so no row
-- can belong to an account other than its call's.
-- A list of words is checked word by word: for `IN` SQLite would make and drop a table of them at every write.

CREATE TABLE account (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    created_at INTEGER NOT NULL,
    allowance  TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE key (
    account_id  BLOB    NOT NULL REFERENCES account (id),
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    name        TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    secret_hash BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_by_time ON key (account_id, created_at, id);

-- What a request filters by is a column; what is only read whole is JSON. The flow comes last, so
-- that reading a list does not touch the pages of a long one.
CREATE TABLE call (
    account_id  BLOB    NOT NULL REFERENCES account (id),
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    direction   TEXT    NOT NULL CHECK (direction = 'outgoing' OR direction = 'incoming'),
    state       TEXT    NOT NULL CHECK (
                    state = 'scheduled' OR state = 'queued' OR state = 'active' OR state = 'ended'),
    outcome     TEXT    CHECK (
                    outcome = 'completed' OR outcome = 'busy' OR outcome = 'no_answer' OR
                    outcome = 'rejected' OR outcome = 'invalid_number' OR outcome = 'congestion' OR
                    outcome = 'failed' OR outcome = 'machine' OR outcome = 'canceled' OR
                    outcome = 'expired' OR outcome = 'refused' OR outcome = 'unknown'),
    to_address  TEXT    NOT NULL CHECK (to_address <> ''),
    tag         TEXT,
    reference   TEXT,
    face        TEXT,
    face_reference TEXT,
    face_kept   TEXT,
    due         INTEGER NOT NULL,
    attempts    INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 65535),
    events      INTEGER NOT NULL CHECK (events > 0),
    created_at  INTEGER NOT NULL,
    answered_at INTEGER,
    ended_at    INTEGER,
    ending      TEXT,
    digits      TEXT    NOT NULL,
    plan        TEXT    NOT NULL,
    flow        TEXT    NOT NULL,
    UNIQUE (account_id, id),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL)),
    CHECK ((state = 'ended') = (outcome IS NOT NULL)),
    CHECK ((face IS NULL) = (face_reference IS NULL) AND (face IS NULL) = (face_kept IS NULL))
) STRICT;

CREATE INDEX call_by_state   ON call (account_id, state, id);
CREATE INDEX call_by_to      ON call (account_id, to_address, id);
CREATE INDEX call_by_outcome ON call (account_id, outcome, id) WHERE outcome IS NOT NULL;
CREATE INDEX call_by_tag     ON call (account_id, tag, id)     WHERE tag IS NOT NULL;
CREATE INDEX call_by_reference ON call (account_id, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX call_by_face    ON call (account_id, face, id)    WHERE face IS NOT NULL;
-- What a face calls a call by is unique among the calls that were made by it.
CREATE UNIQUE INDEX call_by_face_reference ON call (account_id, face_reference, face) WHERE face_reference IS NOT NULL;

CREATE TABLE attempt (
    account_id    BLOB    NOT NULL,
    call_id       BLOB    NOT NULL,
    number        INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    state         TEXT    NOT NULL CHECK (
                    state = 'journalled' OR state = 'dialing' OR state = 'ringing' OR
                    state = 'in_progress' OR state = 'ended'),
    deadline      INTEGER NOT NULL,
    journalled_at INTEGER NOT NULL,
    dialing_at    INTEGER,
    ringing_at    INTEGER,
    answered_at   INTEGER,
    ended_at      INTEGER,
    ending        TEXT,
    PRIMARY KEY (call_id, number),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id),
    CHECK (state <> 'dialing'     OR dialing_at  IS NOT NULL),
    CHECK (state <> 'ringing'     OR ringing_at  IS NOT NULL),
    CHECK (state <> 'in_progress' OR answered_at IS NOT NULL),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE leg (
    account_id    BLOB    NOT NULL,
    call_id       BLOB    NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    attempt_id    BLOB    NOT NULL CHECK (length(attempt_id) = 16),
    trunk         TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    shows         TEXT,
    node          TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (
                    state = 'journalled' OR state = 'dialing' OR state = 'ringing' OR
                    state = 'in_progress' OR state = 'ended'),
    journalled_at INTEGER NOT NULL,
    dialing_at    INTEGER,
    ringing_at    INTEGER,
    answered_at   INTEGER,
    ended_at      INTEGER,
    ending        TEXT,
    quality       TEXT,
    PRIMARY KEY (call_id, id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id),
    CHECK (state <> 'dialing'     OR dialing_at  IS NOT NULL),
    CHECK (state <> 'ringing'     OR ringing_at  IS NOT NULL),
    CHECK (state <> 'in_progress' OR answered_at IS NOT NULL),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- The log that every reader follows. What one change made happen is one row: `events` is the JSON list
-- of its events, `position` that of the last of them and `sequence` that of the first. The subject is a
-- call now and may be a message later, so it has no foreign key.
CREATE TABLE event (
    position   INTEGER PRIMARY KEY,
    account_id BLOB    NOT NULL CHECK (length(account_id) = 16),
    subject    BLOB    NOT NULL CHECK (length(subject) = 16),
    sequence   INTEGER NOT NULL CHECK (sequence > 0),
    events     TEXT    NOT NULL,
    UNIQUE (subject, sequence)
) STRICT;

-- The row id is part of every index, so this one finds an account's events after a position.
CREATE INDEX event_by_account ON event (account_id);

-- The position of the newest event. It is remembered apart from the rows, so that no position is used
-- twice, not even after rows are deleted.
CREATE TABLE log (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL CHECK (position >= 0)
) STRICT;

INSERT INTO log (id, position) VALUES (1, 0);

-- What is to be dialled: at most one job of a call. Taking one moves it from the first index to the second;
-- a query must repeat the words of the condition, or SQLite does not use the index. Both begin with the lane of
-- the call, whose account it is and how urgent, so that many calls of one lane hide none of another.
CREATE TABLE job (
    account_id BLOB    NOT NULL,
    call_id    BLOB    NOT NULL PRIMARY KEY,
    priority   INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
    due        INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_at INTEGER,
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id),
    CHECK ((claimed_by IS NULL) = (claimed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX job_due     ON job (account_id, priority, due, call_id) WHERE claimed_by IS NULL;
CREATE INDEX job_claimed ON job (account_id, priority, due, call_id) WHERE claimed_by IS NOT NULL;

CREATE TABLE trace (
    account_id BLOB NOT NULL,
    call_id    BLOB NOT NULL,
    leg_id     BLOB NOT NULL CHECK (length(leg_id) = 16),
    messages   TEXT NOT NULL,
    UNIQUE (call_id, leg_id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id)
) STRICT;

CREATE TABLE audio (
    account_id BLOB    NOT NULL REFERENCES account (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    name       TEXT    NOT NULL,
    blob       TEXT    NOT NULL CHECK (length(blob) = 64),
    format     TEXT    NOT NULL,
    millis     INTEGER NOT NULL CHECK (millis >= 0),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- What was answered to requests with an idempotency key. It is written in the transaction that writes what
-- the request made; the constraint makes one of two requests at the same moment lose. Only hashes of the
-- key and of the request are kept.
CREATE TABLE first_answer (
    account_id BLOB    NOT NULL REFERENCES account (id),
    key        BLOB    NOT NULL CHECK (length(key) = 32),
    request    BLOB    NOT NULL CHECK (length(request) = 32),
    answer     BLOB    NOT NULL,
    made_at    INTEGER NOT NULL,
    kept_until INTEGER NOT NULL CHECK (kept_until > made_at),
    UNIQUE (account_id, key)
) STRICT;

CREATE INDEX first_answer_by_end ON first_answer (kept_until);

-- Plans that run again and again. A schedule is written where it still has the version before, so of two
-- nodes one moves it on. `wake` says when it wants to be looked at.
CREATE TABLE schedule (
    account_id BLOB    NOT NULL REFERENCES account (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    wake       INTEGER,
    version    INTEGER NOT NULL CHECK (version > 0),
    schedule   TEXT    NOT NULL,
    flow       TEXT    NOT NULL,
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_wake ON schedule (wake) WHERE wake IS NOT NULL;

-- Two people who reach each other by a number of ours. What is only read whole is JSON.
CREATE TABLE mask (
    account_id BLOB    NOT NULL REFERENCES account (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    number     TEXT    NOT NULL CHECK (number <> ''),
    expires    INTEGER,
    mask       TEXT    NOT NULL,
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX mask_by_number ON mask (account_id, number, id);
CREATE INDEX mask_by_end    ON mask (expires) WHERE expires IS NOT NULL;

-- Who is told of all calls of an account. `position` is that in the event log up to which it was seen what
-- it is to be told; the secrets must be known to sign with.
CREATE TABLE webhook (
    account_id BLOB    NOT NULL REFERENCES account (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    url        TEXT    NOT NULL CHECK (url <> ''),
    events     TEXT    NOT NULL,
    secrets    TEXT    NOT NULL,
    disabled   TEXT,
    created_at INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- What a receiver is yet to be told of a call: the events after `told` to `newest`, from the time `due` on.
-- There is no row when there is nothing. Ids of a webhook and of a replay are all zeros where there is none.
CREATE TABLE feed (
    call_id    BLOB    NOT NULL,
    webhook_id BLOB    NOT NULL,
    replay_id  BLOB    NOT NULL,
    account_id BLOB    NOT NULL,
    receiver   BLOB    NOT NULL,
    told       INTEGER NOT NULL CHECK (told >= 0),
    newest     INTEGER NOT NULL CHECK (newest >= told),
    tries      INTEGER NOT NULL CHECK (tries >= 0),
    due        INTEGER NOT NULL,
    PRIMARY KEY (call_id, webhook_id, replay_id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX feed_due ON feed (receiver, due);

-- Which node tells a receiver, how often in a row that failed, and when to try it again. Receivers that
-- nothing is to be remembered of have no row.
CREATE TABLE receiver (
    id            BLOB    NOT NULL PRIMARY KEY,
    claimed_by    TEXT,
    claimed_until INTEGER,
    failed        INTEGER NOT NULL CHECK (failed >= 0),
    due           INTEGER,
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
) STRICT, WITHOUT ROWID;

-- Every try to deliver a notification. What is only read whole is JSON.
CREATE TABLE delivery (
    account_id BLOB    NOT NULL REFERENCES account (id),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    call_id    BLOB    NOT NULL,
    webhook_id BLOB,
    at         INTEGER NOT NULL,
    entry      TEXT    NOT NULL,
    UNIQUE (account_id, id)
) STRICT;

CREATE INDEX delivery_of_call    ON delivery (account_id, call_id, id);
CREATE INDEX delivery_to_webhook ON delivery (account_id, webhook_id, id) WHERE webhook_id IS NOT NULL;

-- Recordings. Their sound is in files; what is only read whole is JSON. `node` is the one that has to
-- finish it, as long as nobody has.
CREATE TABLE recording (
    account_id BLOB    NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    call_id    BLOB    NOT NULL,
    node       TEXT,
    delete_at  INTEGER,
    recording  TEXT    NOT NULL,
    UNIQUE (account_id, id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id)
) STRICT;

CREATE INDEX recording_of_call ON recording (account_id, call_id, id);
CREATE INDEX recording_open    ON recording (node, id)  WHERE node IS NOT NULL;
CREATE INDEX recording_old     ON recording (delete_at) WHERE delete_at IS NOT NULL;

-- What the server signs with, by its use. It is made once.
CREATE TABLE server_secret (
    name   TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT, WITHOUT ROWID;

-- Written and read to prove that the store works; it belongs to nobody.
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    writes INTEGER NOT NULL
) STRICT;

INSERT INTO probe (id, writes) VALUES (1, 0);
