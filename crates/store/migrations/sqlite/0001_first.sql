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
-- call or a message, as `kind` says, so it has no foreign key.
CREATE TABLE event (
    position   INTEGER PRIMARY KEY,
    account_id BLOB    NOT NULL CHECK (length(account_id) = 16),
    kind       TEXT    NOT NULL CHECK (kind IN ('call', 'message')),
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

-- What is to be dialled or sent: at most one job of a call or a message, which is the subject. Taking one moves it from the first index to the second;
-- a query must repeat the words of the condition, or SQLite does not use the index. Both begin with the lane of
-- the subject: whose it is and how urgent (calls have 0 to 2, messages 3 to 5), so that many of one lane hide none
-- of another.
CREATE TABLE job (
    account_id BLOB    NOT NULL,
    subject    BLOB    NOT NULL PRIMARY KEY,
    priority   INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 5),
    due        INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_at INTEGER,
    CHECK ((claimed_by IS NULL) = (claimed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX job_due     ON job (account_id, priority, due, subject) WHERE claimed_by IS NULL;
CREATE INDEX job_claimed ON job (account_id, priority, due, subject) WHERE claimed_by IS NOT NULL;

-- Messages. What a request filters by, and what says who looks after one, is a column; what is only read whole is
-- JSON. `node` is the run that has it in its journal, and `deadline` is when nothing more is to be expected of one
-- that the network has.
CREATE TABLE message (
    account_id   BLOB NOT NULL REFERENCES account (id),
    id           BLOB NOT NULL CHECK (length(id) = 16),
    direction    TEXT NOT NULL CHECK (direction IN ('outgoing', 'incoming')),
    state        TEXT NOT NULL CHECK (
                    state = 'scheduled' OR state = 'queued' OR state = 'sending' OR
                    state = 'submitted' OR state = 'sent' OR state = 'delivered' OR state = 'undelivered' OR
                    state = 'failed' OR state = 'expired' OR state = 'rejected' OR state = 'refused' OR
                    state = 'canceled' OR state = 'unknown' OR state = 'received'),
    to_address   TEXT NOT NULL CHECK (to_address <> ''),
    tag          TEXT,
    reference    TEXT,
    deadline     INTEGER,
    node         TEXT,
    events       INTEGER NOT NULL CHECK (events > 0),
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    plan         TEXT NOT NULL,
    progress     TEXT NOT NULL,
    UNIQUE (account_id, id),
    CHECK ((direction = 'incoming') = (state = 'received')),
    CHECK ((state = 'scheduled' OR state = 'queued' OR state = 'sending' OR state = 'submitted') = (ended_at IS NULL)),
    CHECK ((state = 'sending') = (node IS NOT NULL)),
    CHECK ((state = 'submitted') = (deadline IS NOT NULL))
) STRICT;

-- What moves is in the first of these, which no move but the last one touches.
CREATE INDEX message_live         ON message (account_id, id)            WHERE ended_at IS NULL;
CREATE INDEX message_by_state     ON message (account_id, state, id)     WHERE ended_at IS NOT NULL;
CREATE INDEX message_by_to        ON message (account_id, to_address, id);
CREATE INDEX message_by_tag       ON message (account_id, tag, id)       WHERE tag IS NOT NULL;
CREATE INDEX message_by_reference ON message (account_id, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX message_sending      ON message (node, id)                  WHERE state = 'sending';
CREATE INDEX message_submitted    ON message (deadline)                  WHERE state = 'submitted';

-- The networks' names for what was submitted, by which receipts tell. A network may use one again: then it is the
-- newest message's.
CREATE TABLE submission (
    trunk        TEXT NOT NULL,
    id           TEXT NOT NULL,
    account_id   BLOB NOT NULL,
    message_id   BLOB NOT NULL,
    PRIMARY KEY (trunk, id),
    FOREIGN KEY (account_id, message_id) REFERENCES message (account_id, id)
) STRICT, WITHOUT ROWID;

-- Receipts that came before the answer that gives the name, and what nobody ever named.
CREATE TABLE early_receipt (
    trunk        TEXT NOT NULL,
    id           TEXT NOT NULL,
    at           INTEGER NOT NULL,
    receipt      TEXT NOT NULL
) STRICT;

CREATE INDEX early_receipt_by_name ON early_receipt (trunk, id);
CREATE INDEX early_receipt_by_time ON early_receipt (at);

-- Parts of texts that come in, until the last one is there.
CREATE TABLE arrived_part (
    trunk        TEXT NOT NULL,
    sender       TEXT NOT NULL,
    receiver     TEXT NOT NULL,
    reference    INTEGER NOT NULL,
    total        INTEGER NOT NULL CHECK (total BETWEEN 1 AND 255),
    number       INTEGER NOT NULL CHECK (number BETWEEN 1 AND total),
    at           INTEGER NOT NULL,
    encoding     TEXT NOT NULL,
    octets       BLOB NOT NULL,
    PRIMARY KEY (trunk, sender, receiver, reference, total, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX arrived_part_by_time ON arrived_part (at);

-- Who wants no texts of an account.
CREATE TABLE do_not_disturb (
    account_id   BLOB NOT NULL REFERENCES account (id),
    number       TEXT NOT NULL CHECK (number <> ''),
    since        INTEGER NOT NULL,
    because      TEXT NOT NULL,
    PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

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

-- What a receiver is yet to be told of a call or a message: the events after `told` to `newest`, from the time `due` on.
-- There is no row when there is nothing. Ids of a webhook and of a replay are all zeros where there is none.
CREATE TABLE feed (
    subject    BLOB    NOT NULL,
    webhook_id BLOB    NOT NULL,
    replay_id  BLOB    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('call', 'message')),
    account_id BLOB    NOT NULL,
    receiver   BLOB    NOT NULL,
    told       INTEGER NOT NULL CHECK (told >= 0),
    newest     INTEGER NOT NULL CHECK (newest >= told),
    tries      INTEGER NOT NULL CHECK (tries >= 0),
    due        INTEGER NOT NULL,
    PRIMARY KEY (subject, webhook_id, replay_id)
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
    kind       TEXT    NOT NULL CHECK (kind IN ('call', 'message')),
    subject    BLOB    NOT NULL,
    webhook_id BLOB,
    at         INTEGER NOT NULL,
    entry      TEXT    NOT NULL,
    UNIQUE (account_id, id)
) STRICT;

CREATE INDEX delivery_of_subject ON delivery (account_id, subject, id);
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
