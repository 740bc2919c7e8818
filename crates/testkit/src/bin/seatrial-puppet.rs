//! A program for tests of programs: answers JSON Lines, or misbehaves in the way that its argument names. Each process
//! adds its number to the file `pids` of the folder it runs in, so that a test can look for survivors.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

/// Longest time that a misbehaving puppet stays, in seconds: a failed test must not leave it behind for good.
const STAY_S: u64 = 300;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map_or("know", String::as_str);
    note_pid();
    match mode {
        "die" => {
            say_aside("no weights found in /models\n");
            return ExitCode::from(3);
        }
        "hang" => stay(),
        "garbage" => say("Loading model, please wait...\n"),
        "flood" => flood(&mut std::io::stdout().lock(), 1 << 30),
        "flood-aside" => flood(&mut std::io::stderr().lock(), u64::MAX),
        "fork" => {
            let lingering = std::env::current_exe().map(|path| {
                Command::new(path)
                    .arg("hang")
                    .stdin(Stdio::null())
                    .stdout(Stdio::inherit())
                    .spawn()
            });
            drop(lingering);
            stay();
        }
        "backwards" => return backwards(),
        _ => {}
    }
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut line = String::new();
    loop {
        line.clear();
        match input.read_line(&mut line) {
            Ok(0) | Err(_) => return ExitCode::SUCCESS,
            Ok(_) => {}
        }
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(code) = answer(mode, &request) {
            return ExitCode::from(code);
        }
    }
}

/// Answers, or ends with a code.
fn answer(mode: &str, request: &Value) -> Option<u8> {
    let number = number_of(request);
    let mut answer = json!({"id": request["id"], "output": format!("answer {number}")});
    match mode {
        "know" => {
            answer["usage"] = json!({"input_tokens": 10, "output_tokens": 2});
            answer["cost_usd"] = json!(0.001);
            answer["finish_reason"] = json!("stop");
        }
        "no-id" => drop(answer.as_object_mut().map(|object| object.remove("id"))),
        "refuse" => answer["finish_reason"] = json!("refusal"),
        "error" => {
            answer = json!({"id": request["id"], "error": {"message": "out of memory", "retry": false}});
        }
        "wrong-id" => answer["id"] = json!(987_654),
        "big" => answer["output"] = json!("x".repeat(1 << 20)),
        "variables" => {
            let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            answer["output"] = json!(names.join(" "));
        }
        "tell" => {
            let key = std::env::var("PUPPET_KEY").unwrap_or_default();
            say_aside(&format!("the key is {key}\n"));
            return Some(1);
        }
        "hang-some" if number % 10 == 3 => stay(),
        "die-some" if number % 10 == 5 => return Some(9),
        "request" => answer["output"] = json!(request.to_string()),
        "score" => answer = score(request),
        "score-unparsed" if number % 4 == 1 => {
            answer = json!({"id": request["id"], "outcome": "unparsed", "reason": "no grade in it"});
        }
        "score-unparsed" => answer = score(request),
        "score-out-of-range" => answer = json!({"id": request["id"], "score": 7}),
        "score-many" => {
            let length = request["output"].as_str().unwrap_or_default().len();
            answer = json!({"id": request["id"], "scores": {"polite": true, "words": length}, "reason": "counted"});
        }
        _ => {}
    }
    say(&format!("{answer}\n"));
    None
}

/// 1 where the output is among the accepted answers.
fn score(request: &Value) -> Value {
    let expected = request["expected"].as_array().cloned().unwrap_or_default();
    json!({"id": request["id"], "score": expected.contains(&request["output"]), "reason": "compared"})
}

/// Collects four requests, or all there are, and answers the latest first.
fn backwards() -> ExitCode {
    let mut lines = BufReader::new(std::io::stdin().lock())
        .lines()
        .map_while(Result::ok);
    loop {
        let mut group: Vec<Value> = lines
            .by_ref()
            .take(4)
            .map(|line| serde_json::from_str(&line).unwrap_or_default())
            .collect();
        if group.is_empty() {
            return ExitCode::SUCCESS;
        }
        while let Some(request) = group.pop() {
            answer("plain", &request);
        }
    }
}

/// The number in the case's id `c12`; of a target's request or of a scorer's.
fn number_of(request: &Value) -> u64 {
    let id = request["case"]["id"].as_str().or(request["case_id"].as_str());
    id.and_then(|id| id.trim_start_matches('c').parse().ok())
        .unwrap_or(0)
}

fn note_pid() {
    let file = std::fs::OpenOptions::new().create(true).append(true).open("pids");
    if let Ok(mut file) = file {
        // In one piece: several programs append at once, and a line feed apart would land behind another's number.
        let _ = file.write_all(format!("{}\n", std::process::id()).as_bytes());
    }
}

fn stay() {
    std::thread::sleep(std::time::Duration::from_secs(STAY_S));
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn say_aside(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Writes so many bytes without a line feed, or until nobody reads.
fn flood(out: &mut dyn Write, mut left: u64) {
    let piece = [b'x'; 64 * 1024];
    while left > 0 && out.write_all(&piece).is_ok() {
        left = left.saturating_sub(piece.len() as u64);
    }
    stay();
}
