//! What the README shows works.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::workspace_root;
use program::Home;
use serde_json::Value;

fn readme() -> String {
    std::fs::read_to_string(workspace_root().join("README.md")).unwrap()
}

/// The first code block of this language that holds this text.
fn block(language: &str, holds: &str) -> String {
    let readme = readme();
    let fence = format!("```{language}\n");
    let mut blocks = readme.split(fence.as_str()).skip(1);
    let found = blocks.find_map(|rest| rest.split("```").next().filter(|block| block.contains(holds)));
    found
        .unwrap_or_else(|| panic!("no {language} block holds `{holds}`"))
        .to_owned()
}

/// The program goes on with this configuration until it finds that nothing has been kept yet. A secret
/// stands in this variable.
async fn is_understood(home: &Home, variable: &str) {
    let mut command = home.command(&["calls", "list"]);
    let output = command.env(variable, "secret").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nothing is kept"), "{said}");
}

#[tokio::test]
async fn the_configuration_of_a_trunk_is_understood() {
    let home = Home::new();
    let config = block("toml", "[[trunk]]").replace("192.0.2.10:5060", "127.0.0.1:0");
    home.configure(&config);
    is_understood(&home, "PROVIDER_PASSWORD").await;
}

#[tokio::test]
async fn the_configuration_of_an_asterisk_is_understood_by_files_and_by_its_manager_interface() {
    let home = Home::new();
    let by_files = block("toml", "carrier = \"asterisk\"");
    let by_manager = by_files.replace("\n# ", "\n");
    assert!(by_manager.contains("\n[trunk.asterisk.ami]"), "{by_manager}");
    for config in [by_files, by_manager] {
        home.configure(&config);
        is_understood(&home, "ASTERISK_SECRET").await;
    }
}

#[tokio::test]
async fn the_request_of_the_example_is_taken() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    let example = block("sh", "/api/v1/calls");
    let body = example.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let (status, call) = server.post("/api/v1/calls", &body).await;
    assert_eq!(status, 201, "{call}");
    server.stop().await;
}

#[tokio::test]
async fn every_command_it_names_is_there() {
    let home = Home::new();
    let readme = readme();
    let lines = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut checked = 0;
    for row in lines {
        let names = row.split(" |").next().unwrap();
        for name in names
            .split('`')
            .filter(|name| name.chars().next().is_some_and(char::is_lowercase))
        {
            let words: Vec<&str> = name
                .split(' ')
                .filter(|word| word.chars().all(char::is_lowercase))
                .collect();
            // The further names of a row are subcommands of its first.
            let first = names.split(['`', ' ']).next().unwrap();
            let top = [words.as_slice(), &["--help"]].concat();
            let below = [&[first], words.as_slice(), &["--help"]].concat();
            let known = home.run(&top).await.code == 0 || home.run(&below).await.code == 0;
            assert!(known, "`{name}` of the README is no command");
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked} commands");
}

/// The words of a line of shell, with double quotes around those that have spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[tokio::test]
async fn the_examples_of_times_and_schedules_are_taken() {
    let home = Home::new();
    home.configure("");
    let server = home.serve().await;
    let example = block("sh", "schedules add");
    let mut taken = 0;
    for line in example.lines().filter(|line| !line.is_empty()) {
        let words = words(line.strip_prefix("outdial ").unwrap());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = home.run(&words).await;
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        taken += 1;
    }
    assert_eq!(taken, 3);
    server.stop().await;
}
