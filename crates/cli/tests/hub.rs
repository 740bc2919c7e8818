//! Datasets of a hub, through the binary and over a hub on loopback that is written by hand: which requests are made,
//! what is kept, what works without the network, and what each refusal is told as.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const PARQUET: &[u8] = include_bytes!("../../task/tests/parquet/zstd.parquet");

/// A request as the hub saw it.
#[derive(Debug, Clone)]
struct Seen {
    target: String,
    authorization: Option<String>,
}

/// A hub on loopback. What it answers is a function of the path; what it was asked is kept.
struct FakeHub {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeHub {
    /// `answer` yields the whole answer, head included; an empty one is silence until the client goes.
    fn start(answer: impl Fn(&Seen, &str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let hub = Self {
            base: base.clone(),
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().flatten() {
                let Some(request) = read_request(&stream) else {
                    continue;
                };
                seen.lock().unwrap().push(request.clone());
                let bytes = answer(&request, &base);
                if bytes.is_empty() {
                    silent.push(stream);
                } else {
                    // A client that has gone is what some tests are about.
                    let _ = (&stream).write_all(&bytes);
                }
            }
        });
        hub
    }

    fn targets(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.target.clone())
            .collect()
    }
}

fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    let mut authorization = None;
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    Some(Seen {
        target,
        authorization,
    })
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn listing(files: &[&str]) -> Vec<u8> {
    let siblings: Vec<Value> = files.iter().map(|name| json!({"rfilename": name})).collect();
    let body = json!({"sha": COMMIT, "siblings": siblings, "private": false}).to_string();
    http("200 OK", "Content-Type: application/json\r\n", body.as_bytes())
}

/// A hub as it should be: two calls, the second through a redirect to another path.
fn good_hub() -> FakeHub {
    FakeHub::start(|request, base| match request.target.as_str() {
        "/api/datasets/owner/name/revision/main" | "/api/datasets/owner/name/revision/v1%2Fa" => listing(&[
            ".gitattributes",
            "README.md",
            "main/test 1.parquet",
            "main/train-0.parquet",
        ]),
        target if target == format!("/datasets/owner/name/resolve/{COMMIT}/main/test%201.parquet") => {
            http("302 Found", &format!("Location: {base}/cdn/x?sig=1\r\n"), b"")
        }
        "/cdn/x?sig=1" => http("200 OK", "", PARQUET),
        other => http(
            "404 Not Found",
            "X-Error-Code: EntryNotFound\r\n",
            other.as_bytes(),
        ),
    })
}

fn suite(workspace: &Workspace, endpoint: &str, dataset: &str) {
    write_suite(workspace, endpoint, "", "    first: 10\n");
    let text = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write("suite.yaml", text.replace("{path: cases.jsonl}", dataset));
}

fn run(workspace: &Workspace, hub: &str, variables: &[(&str, &str)]) -> Finished {
    let mut command = workspace.command(&["run", "suite.yaml", "--json", "f.json"]);
    command.env("HF_ENDPOINT", hub);
    for (name, value) in variables {
        command.env(name, value);
    }
    Finished::of(command.output())
}

/// Protects the way from a name to cases: two calls, the token only where it belongs, and everything kept.
#[test]
fn a_dataset_is_fetched_once() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 1);
    let server = simulate(&workspace, &json!({"unknown": "7"}));
    let hub = good_hub();
    suite(
        &workspace,
        &server.base_url(),
        "{path: \"hf:owner/name\", subset: main, split: test}",
    );
    let first = run(&workspace, &hub.base, &[("HF_TOKEN", "hf_secret")]).expect_code(0);
    assert!(
        first.stdout.contains("its revision is not a commit"),
        "{}",
        first.stdout
    );
    let findings = workspace.json("f.json");
    assert_eq!(findings["samples_finished"], 10);
    let expected = [
        "/api/datasets/owner/name/revision/main".to_owned(),
        format!("/datasets/owner/name/resolve/{COMMIT}/main/test%201.parquet"),
        "/cdn/x?sig=1".to_owned(),
    ];
    assert_eq!(hub.targets(), expected);
    let sent: Vec<Option<String>> = hub
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|seen| seen.authorization.clone())
        .collect();
    assert!(
        sent[..2]
            .iter()
            .all(|value| value.as_deref() == Some("Bearer hf_secret")),
        "{sent:?}"
    );

    // The branch is asked for again, the file of the same commit is not; the plan is the same.
    let mut resume = workspace.command(&["run", "suite.yaml", "--resume"]);
    let again = Finished::of(resume.env("HF_ENDPOINT", &hub.base).output()).expect_code(0);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
    assert_eq!(hub.targets().len(), 4);

    // Pinned by what was recorded, nothing is asked at all once it was there.
    let pinned = format!("{{path: \"hf:owner/name@{COMMIT}\", glob: '*/test*.parquet'}}");
    suite(&workspace, &server.base_url(), &pinned);
    let quiet = run(&workspace, &hub.base, &[]).expect_code(0);
    assert!(!quiet.stdout.contains("not a commit"), "{}", quiet.stdout);
    assert_eq!(hub.targets().len(), 4);
    let record: String = std::fs::read_dir(workspace.path().join(".seatrial/hub/notes"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(record.contains(COMMIT), "{record}");
    assert!(!first.stdout.contains("hf_secret") && !record.contains("hf_secret"));
}

/// Protects runs without the network: what was fetched is used, said so where a branch cannot be asked for, and what
/// was not is an error.
#[test]
fn what_was_fetched_works_offline() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 1);
    let server = simulate(&workspace, &json!({"unknown": "7"}));
    let hub = good_hub();
    let dataset = "{path: \"hf:owner/name@v1/a\", subset: main, split: test}";
    suite(&workspace, &server.base_url(), dataset);
    let _ = run(&workspace, &hub.base, &[]).expect_code(0);
    let asked = hub.targets().len();
    let _ = run(&workspace, &hub.base, &[("HF_HUB_OFFLINE", "1")]).expect_code(0);
    assert_eq!(hub.targets().len(), asked);

    suite(
        &workspace,
        &server.base_url(),
        "{path: \"hf:owner/name@other\", split: test}",
    );
    let missing = run(&workspace, &hub.base, &[("HF_HUB_OFFLINE", "1")]).expect_code(2);
    assert!(
        missing
            .stderr
            .contains("HF_HUB_OFFLINE is set, and this revision was not fetched"),
        "{}",
        missing.stderr
    );
}

/// Protects a run on a day when the hub is down: a branch that was resolved before still means that commit.
#[test]
fn a_hub_that_is_down_is_not_needed_twice() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 1);
    let server = simulate(&workspace, &json!({"unknown": "7"}));
    let is_down = Arc::new(Mutex::new(false));
    let down = Arc::clone(&is_down);
    let hub = FakeHub::start(move |request, _| {
        if *down.lock().unwrap() {
            http("503 Service Unavailable", "", b"{\"error\":\"maintenance\"}")
        } else if request.target.starts_with("/api/") {
            listing(&["test.jsonl"])
        } else {
            http("200 OK", "", b"{\"input\":\"a\",\"answer\":\"7\"}\n")
        }
    });
    suite(&workspace, &server.base_url(), "{path: \"hf:owner/name@main\"}");
    let _ = run(&workspace, &hub.base, &[]).expect_code(0);
    *is_down.lock().unwrap() = true;
    let again = run(&workspace, &hub.base, &[]).expect_code(0);
    assert!(
        again
            .stdout
            .contains("the hub cannot be asked (status 503, maintenance)"),
        "{}",
        again.stdout
    );
    assert_eq!(workspace.json("f.json")["samples_finished"], 1);
}

/// One thing that goes wrong: what the hub answers to the list of files and to a file, and what is said.
struct Wrong {
    name: &'static str,
    list: fn() -> Vec<u8>,
    file: fn() -> Vec<u8>,
    dataset: &'static str,
    variables: &'static [(&'static str, &'static str)],
    code: i32,
    says: &'static [&'static str],
}

fn good_list() -> Vec<u8> {
    listing(&["data/test-0.parquet"])
}

fn no_file() -> Vec<u8> {
    http("404 Not Found", "X-Error-Code: EntryNotFound\r\n", b"")
}

const WRONG: &[Wrong] = &[
    Wrong {
        name: "no such dataset, as the hub says it to strangers",
        list: || {
            http(
                "401 Unauthorized",
                "X-Error-Message: Invalid username or password.\r\n",
                b"",
            )
        },
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &[
            "hf:owner/name@main: failed to fetch the revision",
            "status 401",
            "does not exist or is not open",
            "HF_TOKEN",
        ],
    },
    Wrong {
        name: "a token that does not open it",
        list: || http("403 Forbidden", "", b"{\"error\":\"no access\"}"),
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\", token_env: MINE}",
        variables: &[("MINE", "hf_canary")],
        code: 2,
        says: &["status 403, no access", "the token does not open this dataset"],
    },
    Wrong {
        name: "gated",
        list: good_list,
        file: || http("403 Forbidden", "X-Error-Code: GatedRepo\r\n", b""),
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &[
            "failed to fetch data/test-0.parquet",
            "GatedRepo",
            "ask for access",
        ],
    },
    Wrong {
        name: "no such repository",
        list: || http("404 Not Found", "X-Error-Code: RepoNotFound\r\n", b""),
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &["status 404, RepoNotFound", "check owner, name and revision"],
    },
    Wrong {
        name: "no such revision",
        list: || http("404 Not Found", "X-Error-Code: RevisionNotFound\r\n", b""),
        file: no_file,
        dataset: "{path: \"hf:owner/name@v9\"}",
        variables: &[],
        code: 2,
        says: &[
            "hf:owner/name@v9",
            "RevisionNotFound",
            "a commit, a branch or a tag",
        ],
    },
    Wrong {
        name: "several splits",
        list: || listing(&["data/test-0.parquet", "data/train-0.parquet"]),
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &["it has several splits: test, train", "choose one with `split`"],
    },
    Wrong {
        name: "nothing readable",
        list: || listing(&["README.md", "data.py"]),
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &["none of its 2 files is Parquet", "refs/convert/parquet"],
    },
    Wrong {
        name: "not a hub",
        list: || http("200 OK", "Content-Type: text/html\r\n", b"<html>"),
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 4,
        says: &[
            "the hub's list of files cannot be read",
            "is HF_ENDPOINT the address of a hub?",
        ],
    },
    Wrong {
        name: "cut off in the middle of a file",
        list: good_list,
        file: || b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nPAR1".to_vec(),
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 4,
        says: &[
            "failed to fetch data/test-0.parquet",
            "the connection broke after 4 bytes",
        ],
    },
    Wrong {
        name: "silence",
        list: Vec::new,
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[("HF_HUB_DOWNLOAD_TIMEOUT", "1")],
        code: 4,
        says: &["nothing came for 1 s", "HF_HUB_DOWNLOAD_TIMEOUT"],
    },
    Wrong {
        name: "larger than allowed",
        list: good_list,
        file: || b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &["it has more than 8192 MiB"],
    },
    Wrong {
        name: "redirects without end",
        list: good_list,
        file: || {
            http(
                "302 Found",
                "Location: /datasets/owner/name/resolve/again\r\n",
                b"",
            )
        },
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 4,
        says: &["more than 5 redirects"],
    },
    Wrong {
        name: "not what its name says",
        list: good_list,
        file: || http("200 OK", "", b"version https://git-lfs.github.com/spec/v1\n"),
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[],
        code: 2,
        says: &[
            "hf:owner/name@main/data/test-0.parquet: not a Parquet file",
            "Git LFS",
        ],
    },
    Wrong {
        name: "a time that is none",
        list: good_list,
        file: no_file,
        dataset: "{path: \"hf:owner/name@main\"}",
        variables: &[("HF_HUB_DOWNLOAD_TIMEOUT", "soon")],
        code: 2,
        says: &["HF_HUB_DOWNLOAD_TIMEOUT is `soon`"],
    },
];

/// Protects people who cannot get a dataset: what happened, what to do, the right exit code, and no token anywhere.
#[test]
fn refusals_and_failures_are_explained() {
    for wrong in WRONG {
        let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
        let (list, file) = (wrong.list, wrong.file);
        let hub = FakeHub::start(move |request, _| {
            if request.target.starts_with("/api/") {
                list()
            } else {
                file()
            }
        });
        suite(&workspace, "http://127.0.0.1:1/v1", wrong.dataset);
        let run = run(&workspace, &hub.base, wrong.variables);
        assert_eq!(
            run.code, wrong.code,
            "{}: {}{}",
            wrong.name, run.stdout, run.stderr
        );
        for text in wrong.says {
            assert!(
                run.stderr.contains(text),
                "{}: {}\nlacks {text}",
                wrong.name,
                run.stderr
            );
        }
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
}

/// Protects a token from being read on the way.
#[test]
fn a_token_is_not_sent_unencrypted() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    suite(
        &workspace,
        "http://127.0.0.1:1/v1",
        "{path: \"hf:owner/name@main\"}",
    );
    let run = run(&workspace, "http://hub.invalid", &[("HF_TOKEN", "hf_canary")]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("not encrypted") && !run.stderr.contains("canary"),
        "{}",
        run.stderr
    );
}
