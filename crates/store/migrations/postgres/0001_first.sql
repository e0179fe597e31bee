-- The same tables and rules as in SQLite, in PostgreSQL's words. Ids are UUIDs; times are microseconds
-- since 1970, because that is what the program reckons in; states and outcomes are the words of the
-- domain. Every row says whose it is, and children point to their call together with its account, so no
-- row can belong to an account other than its call's.

CREATE TABLE account (
    id         uuid   NOT NULL PRIMARY KEY,
    name       text   NOT NULL COLLATE "C" UNIQUE CHECK (name <> ''),
    created_at bigint NOT NULL,
    allowance  text
);

CREATE TABLE key (
    account_id  uuid   NOT NULL REFERENCES account (id),
    id          uuid   NOT NULL,
    name        text   NOT NULL,
    scopes      text   NOT NULL,
    secret_hash bytea  NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    created_at  bigint NOT NULL,
    expires_at  bigint,
    PRIMARY KEY (account_id, id)
);

CREATE INDEX key_by_time ON key (account_id, created_at, id);

-- What a request filters by is a column; what is only read whole is JSON in a text, so that it comes
-- back as it was written. Rows of calls change a few times, so a page keeps room for their new versions.
CREATE TABLE call (
    account_id  uuid   NOT NULL REFERENCES account (id),
    id          uuid   NOT NULL,
    direction   text   NOT NULL CHECK (direction IN ('outgoing', 'incoming')),
    state       text   NOT NULL CHECK (state IN ('scheduled', 'queued', 'active', 'ended')),
    outcome     text   CHECK (outcome IN (
                    'completed', 'busy', 'no_answer', 'rejected', 'invalid_number', 'congestion',
                    'failed', 'machine', 'canceled', 'expired', 'refused', 'unknown')),
    to_address  text   NOT NULL COLLATE "C" CHECK (to_address <> ''),
    tag         text   COLLATE "C",
    reference   text   COLLATE "C",
    face        text   COLLATE "C",
    face_reference text COLLATE "C",
    face_kept   text,
    due         bigint NOT NULL,
    attempts    bigint NOT NULL CHECK (attempts BETWEEN 0 AND 65535),
    events      bigint NOT NULL CHECK (events > 0),
    created_at  bigint NOT NULL,
    answered_at bigint,
    ended_at    bigint,
    ending      text,
    digits      text   NOT NULL,
    plan        text   NOT NULL,
    flow        text   NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL)),
    CHECK ((state = 'ended') = (outcome IS NOT NULL)),
    CHECK ((face IS NULL) = (face_reference IS NULL) AND (face IS NULL) = (face_kept IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX call_by_state   ON call (account_id, state, id);
CREATE INDEX call_by_to      ON call (account_id, to_address, id);
CREATE INDEX call_by_outcome ON call (account_id, outcome, id) WHERE outcome IS NOT NULL;
CREATE INDEX call_by_tag     ON call (account_id, tag, id)     WHERE tag IS NOT NULL;
CREATE INDEX call_by_reference ON call (account_id, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX call_by_face    ON call (account_id, face, id)    WHERE face IS NOT NULL;
-- What a face calls a call by is unique among the calls that were made by it.
CREATE UNIQUE INDEX call_by_face_reference ON call (account_id, face_reference, face) WHERE face_reference IS NOT NULL;
-- What a restart has to look after, whoever's it is.
CREATE INDEX call_active     ON call (id)                      WHERE state = 'active';

CREATE TABLE attempt (
    account_id    uuid   NOT NULL,
    call_id       uuid   NOT NULL,
    number        bigint NOT NULL CHECK (number BETWEEN 1 AND 65535),
    id            uuid   NOT NULL,
    state         text   NOT NULL CHECK (state IN ('journalled', 'dialing', 'ringing', 'in_progress', 'ended')),
    deadline      bigint NOT NULL,
    journalled_at bigint NOT NULL,
    dialing_at    bigint,
    ringing_at    bigint,
    answered_at   bigint,
    ended_at      bigint,
    ending        text,
    PRIMARY KEY (call_id, number),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id),
    CHECK (state <> 'dialing'     OR dialing_at  IS NOT NULL),
    CHECK (state <> 'ringing'     OR ringing_at  IS NOT NULL),
    CHECK (state <> 'in_progress' OR answered_at IS NOT NULL),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL))
) WITH (fillfactor = 70);

CREATE TABLE leg (
    account_id    uuid   NOT NULL,
    call_id       uuid   NOT NULL,
    id            uuid   NOT NULL,
    attempt_id    uuid   NOT NULL,
    trunk         text   NOT NULL,
    target        text   NOT NULL,
    shows         text,
    node          text   NOT NULL,
    state         text   NOT NULL CHECK (state IN ('journalled', 'dialing', 'ringing', 'in_progress', 'ended')),
    journalled_at bigint NOT NULL,
    dialing_at    bigint,
    ringing_at    bigint,
    answered_at   bigint,
    ended_at      bigint,
    ending        text,
    quality       text,
    PRIMARY KEY (call_id, id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id),
    CHECK (state <> 'dialing'     OR dialing_at  IS NOT NULL),
    CHECK (state <> 'ringing'     OR ringing_at  IS NOT NULL),
    CHECK (state <> 'in_progress' OR answered_at IS NOT NULL),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK ((state = 'ended') = (ending IS NOT NULL))
) WITH (fillfactor = 70);

-- The log that every reader follows. What one change made happen is one row: `events` is the JSON list
-- of its events, `position` that of the last of them and `sequence` that of the first. The subject is a
-- call or a message, as `kind` says, so it has no foreign key.
CREATE TABLE event (
    position   bigint NOT NULL PRIMARY KEY,
    account_id uuid   NOT NULL,
    kind       text   NOT NULL CHECK (kind IN ('call', 'message')),
    subject    uuid   NOT NULL,
    sequence   bigint NOT NULL CHECK (sequence > 0),
    events     text   NOT NULL,
    UNIQUE (subject, sequence)
);

CREATE INDEX event_by_account ON event (account_id, position);

-- The position of the newest event. Whoever adds events moves it and holds its row until the commit, so
-- positions become visible in their order, whichever node adds them; a sequence would not promise that.
CREATE TABLE log (
    id       bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    position bigint NOT NULL CHECK (position >= 0)
) WITH (fillfactor = 10);

INSERT INTO log (id, position) VALUES (1, 0);

-- What is to be dialled or sent: at most one job of a call or a message, which is the subject. Taking one moves it from the first index to the second.
-- Both begin with the lane of the call, whose account it is and how urgent (calls have 0 to 2, messages 3 to 5), so that many of one lane
-- hide none of another. The table changes faster than the usual vacuum follows.
CREATE TABLE job (
    account_id uuid   NOT NULL,
    subject    uuid   NOT NULL PRIMARY KEY,
    priority   bigint NOT NULL CHECK (priority BETWEEN 0 AND 5),
    due        bigint NOT NULL,
    claimed_by text,
    claimed_at bigint,
    CHECK ((claimed_by IS NULL) = (claimed_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX job_due     ON job (account_id, priority, due, subject) WHERE claimed_by IS NULL;
CREATE INDEX job_claimed ON job (account_id, priority, due, subject) WHERE claimed_by IS NOT NULL;

-- The runs of nodes that share this database. Their leases go by the clock of the server. A run whose row
-- is gone never comes back; deleting the row waits for the journals that are being written under it.
CREATE TABLE node (
    id          text        NOT NULL PRIMARY KEY COLLATE "C" CHECK (id <> ''),
    name        text        NOT NULL UNIQUE COLLATE "C" CHECK (name <> ''),
    joined_at   timestamptz NOT NULL,
    held_since  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 10);

-- Which run has the members of a room. Rows of runs that are gone mean nothing.
CREATE TABLE room (
    account_id uuid NOT NULL REFERENCES account (id),
    name       text NOT NULL CHECK (name <> ''),
    run        text NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- What nodes ask of each other, until whoever asked has the answer.
CREATE TABLE command (
    id       uuid        NOT NULL PRIMARY KEY,
    run      text        NOT NULL,
    command  text        NOT NULL,
    answer   text,
    left_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at timestamptz,
    CHECK (answer IS NULL OR taken_at IS NOT NULL)
);

CREATE INDEX command_left ON command (run) WHERE taken_at IS NULL;

-- Messages. What a request filters by, and what says who looks after one, is a column; what is only read whole is
-- JSON. `node` is the run that has it in its journal, and `deadline` is when nothing more is to be expected of one
-- that the network has.
CREATE TABLE message (
    account_id   uuid NOT NULL REFERENCES account (id),
    id           uuid NOT NULL,
    direction    text NOT NULL CHECK (direction IN ('outgoing', 'incoming')),
    state        text NOT NULL CHECK (state IN (
                     'scheduled', 'queued', 'sending', 'submitted', 'sent', 'delivered', 'undelivered', 'failed',
                     'expired', 'rejected', 'refused', 'canceled', 'unknown', 'received')),
    to_address   text NOT NULL COLLATE "C" CHECK (to_address <> ''),
    tag          text   COLLATE "C",
    reference    text   COLLATE "C",
    deadline     bigint,
    node         text   COLLATE "C",
    events       bigint NOT NULL CHECK (events > 0),
    created_at   bigint NOT NULL,
    ended_at     bigint,
    plan         text NOT NULL,
    progress     text NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK ((direction = 'incoming') = (state = 'received')),
    CHECK ((state IN ('scheduled', 'queued', 'sending', 'submitted')) = (ended_at IS NULL)),
    CHECK ((state = 'sending') = (node IS NOT NULL)),
    CHECK ((state = 'submitted') = (deadline IS NOT NULL))
) WITH (fillfactor = 70);

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
    trunk        text NOT NULL COLLATE "C",
    id           text NOT NULL COLLATE "C",
    account_id   uuid NOT NULL,
    message_id   uuid NOT NULL,
    PRIMARY KEY (trunk, id),
    FOREIGN KEY (account_id, message_id) REFERENCES message (account_id, id)
);

-- Receipts that came before the answer that gives the name, and what nobody ever named.
CREATE TABLE early_receipt (
    trunk        text NOT NULL COLLATE "C",
    id           text NOT NULL COLLATE "C",
    at           bigint NOT NULL,
    receipt      text NOT NULL
);

CREATE INDEX early_receipt_by_name ON early_receipt (trunk, id);
CREATE INDEX early_receipt_by_time ON early_receipt (at);

-- Parts of texts that come in, until the last one is there.
CREATE TABLE arrived_part (
    trunk        text NOT NULL COLLATE "C",
    sender       text NOT NULL COLLATE "C",
    receiver     text NOT NULL COLLATE "C",
    reference    bigint NOT NULL,
    total        bigint NOT NULL CHECK (total BETWEEN 1 AND 255),
    number       bigint NOT NULL CHECK (number BETWEEN 1 AND total),
    at           bigint NOT NULL,
    encoding     text NOT NULL,
    octets       bytea NOT NULL,
    PRIMARY KEY (trunk, sender, receiver, reference, total, number)
);

CREATE INDEX arrived_part_by_time ON arrived_part (at);

-- Who wants no texts of an account.
CREATE TABLE do_not_disturb (
    account_id   uuid NOT NULL REFERENCES account (id),
    number       text NOT NULL COLLATE "C" CHECK (number <> ''),
    since        bigint NOT NULL,
    because      text NOT NULL,
    PRIMARY KEY (account_id, number)
);

CREATE TABLE trace (
    account_id uuid NOT NULL,
    call_id    uuid NOT NULL,
    leg_id     uuid NOT NULL,
    messages   text NOT NULL,
    PRIMARY KEY (call_id, leg_id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id)
);

CREATE TABLE audio (
    account_id uuid   NOT NULL REFERENCES account (id),
    id         uuid   NOT NULL,
    name       text   NOT NULL,
    blob       text   NOT NULL CHECK (octet_length(blob) = 64),
    format     text   NOT NULL,
    millis     bigint NOT NULL CHECK (millis >= 0),
    created_at bigint NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- Uploads and recordings, by the SHA-256 of what they contain. Every node must find them, so they are not
-- files of one of them; sound hardly compresses, so it is not tried.
CREATE TABLE blob (
    hash  text  NOT NULL PRIMARY KEY COLLATE "C" CHECK (octet_length(hash) = 64),
    bytes bytea NOT NULL
);

ALTER TABLE blob ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- What was answered to requests with an idempotency key. It is written in the transaction that writes what
-- the request made; the constraint makes one of two requests at the same moment lose, whichever nodes got
-- them. Only hashes of the key and of the request are kept.
CREATE TABLE first_answer (
    account_id uuid   NOT NULL REFERENCES account (id),
    key        bytea  NOT NULL CHECK (octet_length(key) = 32),
    request    bytea  NOT NULL CHECK (octet_length(request) = 32),
    answer     bytea  NOT NULL,
    made_at    bigint NOT NULL,
    kept_until bigint NOT NULL CHECK (kept_until > made_at),
    PRIMARY KEY (account_id, key)
);

CREATE INDEX first_answer_by_end ON first_answer (kept_until);

-- How far the limits are used up that all nodes keep together: the theoretical arrival time of each, in
-- nanoseconds since 1970 by the clock of this database, and how many live calls of each run of a node count against
-- it. What a run holds is free when the run is gone.
CREATE TABLE limit_state (
    key     text   NOT NULL COLLATE "C" PRIMARY KEY,
    arrival bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE limit_use (
    run   text   NOT NULL COLLATE "C" REFERENCES node (id) ON DELETE CASCADE,
    key   text   NOT NULL COLLATE "C",
    calls bigint NOT NULL CHECK (calls >= 0),
    PRIMARY KEY (run, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX limit_use_by_key ON limit_use (key);

-- Plans that run again and again. A schedule is written where it still has the version before, so of two
-- nodes one moves it on. `wake` says when it wants to be looked at.
CREATE TABLE schedule (
    account_id uuid   NOT NULL REFERENCES account (id),
    id         uuid   NOT NULL,
    wake       bigint,
    version    bigint NOT NULL CHECK (version > 0),
    schedule   text   NOT NULL,
    flow       text   NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE INDEX schedule_wake ON schedule (wake) WHERE wake IS NOT NULL;

-- Two people who reach each other by a number of ours. What is only read whole is JSON.
CREATE TABLE mask (
    account_id uuid   NOT NULL REFERENCES account (id),
    id         uuid   NOT NULL,
    number     text   NOT NULL CHECK (number <> ''),
    expires    bigint,
    mask       text   NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE INDEX mask_by_number ON mask (account_id, number, id);
CREATE INDEX mask_by_end    ON mask (expires) WHERE expires IS NOT NULL;

-- Recordings. What is only read whole is JSON. `node` is the one that has to finish it, as long as nobody
-- has.
CREATE TABLE recording (
    account_id uuid   NOT NULL,
    id         uuid   NOT NULL,
    call_id    uuid   NOT NULL,
    node       text   COLLATE "C",
    delete_at  bigint,
    recording  text   NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, call_id) REFERENCES call (account_id, id)
);

CREATE INDEX recording_of_call ON recording (account_id, call_id, id);
CREATE INDEX recording_open    ON recording (node, id)  WHERE node IS NOT NULL;
CREATE INDEX recording_old     ON recording (delete_at) WHERE delete_at IS NOT NULL;

-- The sound of finished recordings, in parts of the same size, where every node finds it. What is being
-- recorded is a file of its node.
CREATE TABLE recording_part (
    recording_id uuid   NOT NULL,
    part         bigint NOT NULL CHECK (part >= 0),
    bytes        bytea  NOT NULL,
    PRIMARY KEY (recording_id, part)
);

ALTER TABLE recording_part ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- What the nodes sign with, by its use. It is made once.
CREATE TABLE server_secret (
    name   text  NOT NULL PRIMARY KEY COLLATE "C" CHECK (name <> ''),
    secret bytea NOT NULL CHECK (octet_length(secret) = 32)
);

-- Who is told of all calls of an account. `position` is that in the event log up to which it was seen what
-- it is to be told; the secrets must be known to sign with.
CREATE TABLE webhook (
    account_id uuid   NOT NULL REFERENCES account (id),
    id         uuid   NOT NULL,
    url        text   NOT NULL CHECK (url <> ''),
    events     text   NOT NULL,
    secrets    text   NOT NULL,
    disabled   text,
    created_at bigint NOT NULL,
    position   bigint NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- What a receiver is yet to be told of a call or a message: the events after `told` to `newest`, from the time `due` on.
-- There is no row when there is nothing. Ids of a webhook and of a replay are all zeros where there is none.
CREATE TABLE feed (
    subject    uuid   NOT NULL,
    webhook_id uuid   NOT NULL,
    replay_id  uuid   NOT NULL,
    kind       text   NOT NULL CHECK (kind IN ('call', 'message')),
    account_id uuid   NOT NULL,
    receiver   uuid   NOT NULL,
    told       bigint NOT NULL CHECK (told >= 0),
    newest     bigint NOT NULL CHECK (newest >= told),
    tries      bigint NOT NULL CHECK (tries >= 0),
    due        bigint NOT NULL,
    PRIMARY KEY (subject, webhook_id, replay_id)
);

CREATE INDEX feed_due ON feed (receiver, due);

-- Which node tells a receiver, how often in a row that failed, and when to try it again. Receivers that
-- nothing is to be remembered of have no row.
CREATE TABLE receiver (
    id            uuid   NOT NULL PRIMARY KEY,
    claimed_by    text,
    claimed_until bigint,
    failed        bigint NOT NULL CHECK (failed >= 0),
    due           bigint,
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);

-- Every try to deliver a notification. What is only read whole is JSON.
CREATE TABLE delivery (
    account_id uuid   NOT NULL REFERENCES account (id),
    id         uuid   NOT NULL,
    kind       text   NOT NULL CHECK (kind IN ('call', 'message')),
    subject    uuid   NOT NULL,
    webhook_id uuid,
    at         bigint NOT NULL,
    entry      text   NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE INDEX delivery_of_subject ON delivery (account_id, subject, id);
CREATE INDEX delivery_to_webhook ON delivery (account_id, webhook_id, id) WHERE webhook_id IS NOT NULL;

-- Written and read to prove that the store works; it belongs to nobody.
CREATE TABLE probe (
    id     bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    writes bigint NOT NULL
);

INSERT INTO probe (id, writes) VALUES (1, 0);
