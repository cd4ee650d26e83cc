//! An editor completes the interface of a type while its history is wrong: a small client of the language server protocol.
//!
//! It runs wherever rust-analyzer is installed, and says by name that it did not where it is not.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::{Value, json};

use crate::project::Project;

const LIBRARY: &str = "#![allow(missing_docs)]
use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = \"users\")]
pub struct User {
    #[key]
    pub id: String,
    #[unique]
    pub email: String,
}
";

/// Two places to complete at.
const UNFINISHED: &str = "
pub async fn look(db: &Db) {
    let _ = User::find_b;
    let _ = User::FIELDS.emai;
}
";

#[test]
fn an_editor_completes_finders_and_fields_while_a_type_does_not_fit_to_its_lock() {
    let Some(program) = installed() else {
        return announce();
    };
    let project = Project::new("edited", LIBRARY);
    project.answer(&["seal"]);
    // Now the type is not what was sealed, and its source is unfinished.
    let source =
        LIBRARY.replace("pub email", "pub age: u8,\n    #[unique]\n    pub email") + UNFINISHED;
    project.write("src/lib.rs", &source);
    let mut server = Server::start(&program, &project);
    let uri = format!("file://{}", project.path("src/lib.rs").display());
    server.open(&uri, &source);
    for (line, label) in [("User::find_b", "find_by_email"), ("FIELDS.emai", "email")] {
        let labels = server.completions(&uri, &source, line, label);
        assert!(
            labels.iter().any(|found| found.starts_with(label)),
            "{line}: {labels:?}"
        );
    }
    server.stop();
}

/// rust-analyzer, when it starts at all: rustup puts a program of this name everywhere, which only says what to install.
fn installed() -> Option<String> {
    let program = std::env::var("SMARTERBASE_TEST_RUST_ANALYZER")
        .unwrap_or_else(|_| "rust-analyzer".to_owned());
    let version = Command::new(&program)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    (version.status.success() && has_library_sources()).then_some(program)
}

/// Without the sources of the standard library rust-analyzer expands no derive at all.
fn has_library_sources() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|sysroot| {
        let path = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
        Path::new(&path)
            .join("lib/rustlib/src/rust/library")
            .is_dir()
    })
}

/// Written past the test harness, which would keep the output of a passing test to itself.
fn announce() {
    std::io::stderr()
        .write_all(
            b"\n!!! an_editor_completes_finders_and_fields_while_a_type_does_not_fit_to_its_lock WAS NOT RUN: skipped: \
              rust-analyzer (or rust-src) is not installed !!!\n\n",
        )
        .unwrap();
}

/// A server that talks over its standard streams.
struct Server {
    child: Child,
    stdin: ChildStdin,
    messages: mpsc::Receiver<Value>,
    next: u64,
}

/// How often a completion is asked for: the server answers before it has read the crates.
const ATTEMPTS: u32 = 90;

impl Server {
    fn start(program: &str, project: &Project) -> Self {
        let mut child = project
            .command(program, &[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut server = Self {
            child,
            stdin,
            messages: read_messages(stdout),
            next: 0,
        };
        let root = format!("file://{}", project.path("").display());
        server.ask(
            "initialize",
            &json!({
                "processId": null, "rootUri": root, "capabilities": {},
                "initializationOptions": { "checkOnSave": false, "procMacro": { "enable": true } },
            }),
        );
        server.tell("initialized", &json!({}));
        server
    }

    fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "rust", "version": 1, "text": text });
        self.tell("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    /// What is offered behind `after`; asked again until `wanted` is there.
    fn completions(&mut self, uri: &str, source: &str, after: &str, wanted: &str) -> Vec<String> {
        let (line, text) = source
            .lines()
            .enumerate()
            .find(|(_, text)| text.contains(after))
            .unwrap();
        let character = text.find(after).unwrap() + after.len();
        let place = json!({
            "textDocument": { "uri": uri }, "position": { "line": line, "character": character },
        });
        let mut labels = Vec::new();
        for _ in 0..ATTEMPTS {
            labels = labels_of(&self.ask("textDocument/completion", &place));
            if labels.iter().any(|label| label.starts_with(wanted)) {
                break;
            }
            // Whatever the server says meanwhile ends the pause.
            let _ = self.messages.recv_timeout(Duration::from_secs(1));
        }
        labels
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        loop {
            let message = self
                .messages
                .recv_timeout(Duration::from_secs(120))
                .expect("the server answers within two minutes");
            match (message.get("method"), message.get("id")) {
                (None, Some(answered)) if *answered == json!(id) => {
                    return message["result"].clone();
                }
                // A question of the server: it asks for settings, and may have none.
                (Some(_), Some(asked)) => {
                    self.send(&json!({ "jsonrpc": "2.0", "id": asked, "result": null }));
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, method: &str, parameters: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.stdin.flush().unwrap();
    }

    fn stop(mut self) {
        self.ask("shutdown", &Value::Null);
        self.tell("exit", &Value::Null);
        let _ = self.child.wait();
    }
}

/// A server that is left behind by a failed test would run for ever.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn labels_of(result: &Value) -> Vec<String> {
    let items = result.get("items").unwrap_or(result).as_array();
    let label = |item: &Value| item["label"].as_str().map(str::to_owned);
    items
        .map(|items| items.iter().filter_map(label).collect())
        .unwrap_or_default()
}

fn read_messages(stdout: ChildStdout) -> mpsc::Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        while let Some(message) = read_message(&mut reader) {
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

/// One message; `None` when the server has ended.
fn read_message(reader: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("Content-Length: ") {
            length = text.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
