//! Requests of an account are spread, over clients, threads and processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_exotel::account::GetBalance;
use outdial_exotel::limit::{FileLimiter, Limiter, ProcessLimiter, Slot};
use outdial_exotel::{Client, Error};
use std::time::{Duration, Instant};
use wiremock::{Mock, MockServer, ResponseTemplate};

const BALANCE: &str = r#"{"Account":{"AccountSid":"a","BalanceData":{"Balance":"1"}}}"#;

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(|_: &wiremock::Request| true)
        .respond_with(ResponseTemplate::new(200).set_body_string(BALANCE))
        .mount(&server)
        .await;
    server
}

fn client(server: &MockServer, sid: &str, limiter: impl Limiter + 'static) -> Client {
    Client::builder(sid, "TOKEN")
        .base_url(server.uri())
        .limiter(limiter)
        .build()
        .unwrap()
}

/// As many requests by each of two clients; how long they took together.
async fn by_two(first: &Client, second: &Client, each: usize) -> Duration {
    let begun = Instant::now();
    let all = async |client: &Client| {
        for _ in 0..each {
            client.send(&GetBalance).await.unwrap();
        }
    };
    futures_util::join!(all(first), all(second));
    begun.elapsed()
}

#[tokio::test]
async fn all_clients_of_a_process_share_an_account() {
    let server = server().await;
    let limit = ProcessLimiter::per_minute(1200); // one in 50 ms
    let (first, second) = (client(&server, "shared", limit), client(&server, "shared", limit));
    // Eight requests are seven spaces apart.
    assert!(by_two(&first, &second, 4).await >= Duration::from_millis(350));
    // Another account has a time of its own.
    assert_eq!(
        client(&server, "other", limit).waiting_time().await.unwrap(),
        Duration::ZERO
    );
}

#[tokio::test]
async fn the_limit_of_the_service_is_two_hundred_a_minute() {
    let limit = ProcessLimiter::default();
    assert_eq!(limit.spacing(), Duration::from_millis(300));
    let slow = ProcessLimiter::per_minute(1);
    assert_eq!(slow.take("two hundred").await.unwrap(), Slot::Taken);
    assert!(matches!(slow.take("two hundred").await.unwrap(), Slot::Wait(wait) if wait <= Duration::from_secs(60)));
}

#[tokio::test]
async fn a_file_is_shared_by_limiters_that_know_nothing_of_each_other() {
    let directory = tempfile::tempdir().unwrap();
    // As two processes would; the file and its lock are all that they have in common.
    let (first, second) = (
        FileLimiter::per_minute(directory.path(), 1),
        FileLimiter::per_minute(directory.path(), 1),
    );
    assert_eq!(first.take("../a b").await.unwrap(), Slot::Taken);
    assert!(matches!(second.take("../a b").await.unwrap(), Slot::Wait(wait) if wait <= Duration::from_secs(60)));
    assert_eq!(second.take("c").await.unwrap(), Slot::Taken);
    second.hold("c", Duration::from_secs(30)).await.unwrap();
    assert!(first.wait("c").await.unwrap() > Duration::from_secs(20));
    let files: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(files.contains(&"exotel-%2E%2E%2Fa%20b.limit".to_owned()), "{files:?}");
}

#[tokio::test]
async fn a_file_that_holds_nonsense_holds_nobody() {
    let directory = tempfile::tempdir().unwrap();
    for text in [
        "",
        "soon",
        "\u{0}\u{0}",
        "99999999999999999999",
        "18446744073709551615",
        "-1",
    ] {
        std::fs::write(directory.path().join("exotel-a.limit"), text).unwrap();
        let limiter = FileLimiter::per_minute(directory.path(), 1);
        assert_eq!(limiter.take("a").await.unwrap(), Slot::Taken, "{text:?}");
        assert!(matches!(limiter.take("a").await.unwrap(), Slot::Wait(_)));
    }
    let nowhere = FileLimiter::new(directory.path().join("missing"));
    assert!(matches!(nowhere.take("a").await, Err(Error::Limiter(_))));
}

#[tokio::test]
async fn clients_with_a_file_are_spread() {
    let server = server().await;
    let directory = tempfile::tempdir().unwrap();
    let limit = || FileLimiter::per_minute(directory.path(), 1200);
    let (first, second) = (client(&server, "filed", limit()), client(&server, "filed", limit()));
    assert!(by_two(&first, &second, 3).await >= Duration::from_millis(250));
}

#[tokio::test]
async fn what_the_service_says_holds_everybody_back() {
    let server = MockServer::start().await;
    let slow_down = ResponseTemplate::new(429).insert_header("retry-after", "40");
    Mock::given(|_: &wiremock::Request| true)
        .respond_with(slow_down)
        .mount(&server)
        .await;
    let limit = ProcessLimiter::default();
    let impatient = Client::builder("held", "TOKEN")
        .base_url(server.uri())
        .limiter(limit)
        .longest_wait(Duration::from_secs(5))
        .build()
        .unwrap();
    for _ in 0..2 {
        // The second is not sent any more.
        assert!(
            matches!(impatient.send(&GetBalance).await, Err(Error::RateLimited { wait }) if wait > Duration::from_secs(30))
        );
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    assert!(client(&server, "held", limit).waiting_time().await.unwrap() > Duration::from_secs(30));
}

#[tokio::test]
async fn no_server_holds_an_account_back_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let (process, file) = (ProcessLimiter::default(), FileLimiter::new(directory.path()));
    for limiter in [&process as &dyn Limiter, &file] {
        limiter.hold("for ever", Duration::MAX).await.unwrap();
        let wait = limiter.wait("for ever").await.unwrap();
        assert!(
            wait > Duration::from_secs(3000) && wait <= Duration::from_secs(3600),
            "{wait:?}"
        );
    }
}

/// Where the processes of the following test meet.
const MEETING_PLACE: &str = "OUTDIAL_EXOTEL_TEST_DIRECTORY";

#[tokio::test]
#[ignore = "is what each of several processes does, for the test below"]
async fn takes_three() {
    let limiter = FileLimiter::per_minute(std::env::var(MEETING_PLACE).unwrap(), 600);
    for _ in 0..3 {
        while let Slot::Wait(wait) = limiter.take("met").await.unwrap() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[test]
fn several_processes_share_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let children: Vec<_> = (0..3)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "takes_three", "--include-ignored"])
                .env(MEETING_PLACE, directory.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("1 passed"),
            "{output:?}"
        );
    }
    // Nine requests are eight spaces of 100 ms apart.
    assert!(begun.elapsed() >= Duration::from_millis(800));
}

#[tokio::test]
async fn who_gives_up_waiting_uses_nothing_up() {
    let server = server().await;
    let limit = ProcessLimiter::per_minute(1);
    let client = client(&server, "gives up", limit);
    client.send(&GetBalance).await.unwrap();
    let before = client.waiting_time().await.unwrap();
    {
        // Three wait in the queue, and are seen there.
        let waiting = futures_util::future::join_all((0..3).map(|_| client.send(&GetBalance)));
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert!(client.waiting_time().await.unwrap() > Duration::from_secs(180));
    }
    assert!(client.waiting_time().await.unwrap() <= before);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
