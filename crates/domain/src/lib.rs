//! Outdial's nouns and rules: accounts, addresses, calls, attempts, legs, outcomes, events. No I/O and no clock.
