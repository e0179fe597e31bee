//! The forms of Voicent's gateway, asked for by programs of others.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::time::Duration;

use outdial_testkit::peers::{Peer, interop_dir, require, venv_python};
use program::{Home, LIMIT, Server};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

const ANSWERS: &str = "+12025550100";
const BUSY: &str = "+12025550101";

/// A gateway with a file and a flow.
async fn serve(home: &Home) -> Server {
    let audio = home.dir.path().join("audio");
    std::fs::create_dir(&audio).unwrap();
    std::fs::write(audio.join("hello.wav"), tone()).unwrap();
    home.configure(&format!(
        "[faces.voicent]\nbind = \"127.0.0.1:0\"\naudio = {audio:?}\nzone = \"UTC\"\n\
         [flow]\nquestion = [{{ gather = {{ name = \"choice\", digits = 1, timeout = \"5s\", prompts = [{{ say = \"Press one.\" }}] }} }}]\n"
    ));
    home.serve().await
}

/// Half a second of a tone, in the only form that the gateway took: PCM of 16 bits, 8 kHz, one channel.
fn tone() -> Vec<u8> {
    let samples: Vec<u8> = (0..4_000)
        .flat_map(|n| (if n / 10 % 2 == 0 { 8_000_i16 } else { -8_000 }).to_le_bytes())
        .collect();
    let length = u32::try_from(samples.len()).unwrap();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}

/// The call that the gateway calls so.
async fn found(server: &Server, name: &str) -> String {
    let (_, page) = server.get(&format!("/api/v1/calls?face_reference={name}")).await;
    let call = &page["calls"][0];
    assert_eq!(call["face"], json!({"name": "voicent", "reference": name}), "{page}");
    call["id"].as_str().unwrap().to_owned()
}

/// Asks as the oldest clients do, by HTTP/1.0, and gives the status line and the body.
async fn ask_by_http_1_0(address: &str, path: &str, form: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = form.len();
    let request = format!(
        "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-length: {length}\r\n\
         Host: {address}\r\nUser-Agent: Python-urllib/1.17\r\n\r\n{form}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // It ends when the server closes the connection.
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer));
    read.await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// Polls as the vendor asks, until the record says that the call is over: a poller of ours, because the
/// package's own gives back nothing.
async fn polled(address: &str, name: &str) -> &'static str {
    let poll = async {
        loop {
            let (_, body) = ask_by_http_1_0(address, "/ocall/callstatusHandler.jsp", &format!("reqid={name}")).await;
            for (word, meaning) in [("^made^", "Call Made"), ("^failed^", "Call Failed")] {
                if body.contains(word) {
                    return meaning;
                }
            }
            assert!(body.starts_with('['), "{body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIMIT, poll).await.unwrap()
}

#[tokio::test]
async fn calls_of_a_package_ring_phones() {
    if !require(Peer::VoicentPython) || !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let server = serve(&home).await;
    let address = server.face("voicent");
    let output = Command::new(venv_python())
        .arg(interop_dir().join("peers/voicent_calls.py"))
        .args([address.rsplit(':').next().unwrap(), ANSWERS, "hello.wav", "question"])
        .output();
    let output = tokio::time::timeout(LIMIT, output).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |of: &str| answers[of].as_str().unwrap();
    for of in ["text", "audio", "application"] {
        assert_eq!(polled(&address, name(of)).await, "Call Made", "{of}");
        let story = server.ended(&found(&server, name(of)).await).await;
        assert_eq!(program::outcome(&story).0, "completed", "{of}: {story}");
    }
    // The phone pressed 1.
    let (_, body) = ask_by_http_1_0(
        &address,
        "/ocall/callstatusHandler.jsp",
        &format!("reqid={}", name("application")),
    )
    .await;
    assert!(body.contains("^^^choice=1^^"), "{body}");
    assert_eq!(name("missing"), "");
    assert!(name("removed").parse::<u64>().is_ok(), "{answers}");
    let (_, page) = server
        .get(&format!("/api/v1/calls?face_reference={}", name("removed")))
        .await;
    assert_eq!(page["calls"], json!([]));
    assert_eq!(answers["campaign"]["status"], "ERROR: campaigns are not available here");
}

#[tokio::test]
async fn the_oldest_clients_are_understood() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let server = serve(&home).await;
    let address = server.face("voicent");
    let form = format!(
        "info=simple+text+call&txt=Hello&firstocc=10&selfdelete=0&phoneno={}",
        BUSY.replace('+', "%2B")
    );
    let (status, body) = ask_by_http_1_0(&address, "/ocall/callreqHandler.jsp", &form).await;
    assert!(status.starts_with("HTTP/1.0 200"), "{status}");
    let name = body
        .split_once("[ReqId=")
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0
        .to_owned();
    let call = found(&server, &name).await;
    server.reached(&call, "retry_scheduled").await;
    let ask = async |path: &str| ask_by_http_1_0(&address, path, &format!("reqid={name}")).await.1;
    let told = ask("/ocall/callstatusHandler.jsp").await;
    assert!(told.contains("^retry^") && !told.contains("^failed^"), "{told}");
    assert_eq!(ask("/ocall/callremoveHandler.jsp").await, "[removed]\n");
    assert_eq!(program::outcome(&server.ended(&call).await).0, "canceled");
    assert_eq!(
        ask("/ocall/callstatusHandler.jsp").await,
        format!("ERROR: no such call record: {name}\n")
    );
    server.stop().await;
}
