//! What it costs to let one call go while others wait.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use outdial_domain::{AccountId, CallId, Priority};
use outdial_engine::pacing::{
    bucket::{Nanos, Rate},
    limits::{Key, Kind, Ledger, Limit, Want},
    queue::{Queue, Waiting},
};

/// How long a trunk's calls are apart.
const APART: Nanos = 1_000_000;

fn want(kind: Kind, name: &str, interval: Nanos) -> Want {
    Want {
        key: Key::new(kind, name),
        limit: Limit {
            rate: Some(Rate::every(interval, 1)),
            at_once: Some(u32::MAX),
        },
    }
}

/// A call of one of 30 accounts over one of 4 trunks, to a number of its own.
fn call(number: u64) -> Waiting {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    let (account, trunk) = (number % 30, number % 4);
    let priority = Priority::ALL[usize::try_from(number % 3).unwrap_or_default()];
    let wants = [
        want(Kind::Trunk, &trunk.to_string(), APART),
        want(Kind::Account, &account.to_string(), 1),
        want(Kind::Node, "n", 1),
    ];
    Waiting {
        subject: CallId::new(Timestamp::UNIX_EPOCH, random).into(),
        account: AccountId::new(Timestamp::UNIX_EPOCH, [u8::try_from(account).unwrap_or_default(); 10]),
        priority,
        due: i64::try_from(number).unwrap_or_default(),
        wants: wants.into(),
        number: Some(want(Kind::Number, &number.to_string(), 1)),
    }
}

/// Lets the next call go, and lets another come, so that as many wait as before.
fn one_goes(queue: &mut Queue, ledger: &mut Ledger, now: &mut Nanos, number: &mut u64) {
    loop {
        queue.advance(*now);
        for waiting in queue.candidates(64) {
            match ledger.admit(waiting.all_wants(), *now) {
                Ok(()) => {
                    queue.went(waiting.subject);
                    *number += 1;
                    queue.enter(call(*number));
                    return;
                }
                Err(hold) => queue.held(waiting.subject, &hold),
            }
        }
        *now = queue.next_time().unwrap_or(*now + APART);
    }
}

fn admission(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admission");
    for waiting in [10, 10_000, 1_000_000] {
        let mut queue = Queue::default();
        (0..waiting).for_each(|number| queue.enter(call(number)));
        let (mut ledger, mut now, mut number) = (Ledger::default(), 0, waiting);
        group.bench_function(BenchmarkId::new("one_goes", waiting), |bencher| {
            bencher.iter(|| one_goes(&mut queue, &mut ledger, &mut now, &mut number));
        });
    }
    group.finish();
}

criterion_group!(benches, admission);
criterion_main!(benches);
