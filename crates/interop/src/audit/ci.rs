//! CI files: which lines run an evaluation, what they keep, and whether its failure can be missed. Apart because these
//! files are read as lines of text: a shell inside YAML inside a template has no better form.

use super::Findings;

/// Words of a command that runs an evaluation, and the name of the tool.
const RUNNERS: [(&str, &str); 9] = [
    ("seatrial run", "seatrial"),
    ("promptfoo eval", "promptfoo"),
    ("promptfoo@latest eval", "promptfoo"),
    ("promptfoo-action", "promptfoo"),
    ("inspect eval", "inspect"),
    ("lm_eval", "lm-eval"),
    ("lm-eval", "lm-eval"),
    ("deepeval test", "deepeval"),
    ("oaieval", "openai-evals"),
];
const ATTACKERS: [&str; 4] = ["promptfoo redteam", "garak", "pyrit", "promptfoo@latest redteam"];
const LOADERS: [&str; 6] = [
    "seatrial load",
    "k6 run",
    "locust ",
    "vegeta attack",
    "wrk -",
    "oha ",
];
const KEPT: [&str; 7] = [
    "--junit",
    "--json",
    "--html",
    "--output",
    "upload-artifact",
    "artifacts:",
    "junit ",
];
const SWALLOWS: [&str; 5] = [
    "|| true",
    "|| :",
    "continue-on-error: true",
    "allow_failure: true",
    "--no-fail",
];
/// How far from the line that runs an evaluation its failure may be swallowed.
const LINES_NEAR: usize = 6;

/// Adds what the file tells; whether it has anything to do with evaluation.
pub(super) fn read(shown: &str, text: &str, findings: &mut Findings) -> bool {
    let lines: Vec<(u64, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !is_comment(line))
        .collect();
    let mut is_evaluating = false;
    for (at, (number, line)) in lines.iter().enumerate() {
        let number = Some(*number);
        if let Some((_, tool)) = RUNNERS.iter().find(|(words, _)| line.contains(words)) {
            is_evaluating = true;
            findings.add("in_ci", format!("runs {tool}"), shown, number);
            if line.contains("--max-cost") {
                findings.add("budget", "--max-cost", shown, number);
            }
            let from = at.saturating_sub(LINES_NEAR);
            let near = lines.iter().skip(from).take(2 * LINES_NEAR + 1);
            let swallow = near.filter_map(|(number, line)| {
                Some((number, SWALLOWS.iter().find(|words| line.contains(**words))?))
            });
            for (number, words) in swallow {
                let warning = format!(
                    "{shown}:{number}: `{words}` near {tool}: a failed evaluation does not fail the build"
                );
                if !findings.warnings.contains(&warning) {
                    findings.warnings.push(warning);
                }
            }
        }
        if let Some(words) = ATTACKERS.iter().find(|words| line.contains(**words)) {
            is_evaluating = true;
            findings.add("red_team", format!("runs {}", words.trim()), shown, number);
        }
        if let Some(words) = LOADERS.iter().find(|words| line.contains(**words)) {
            is_evaluating = true;
            findings.add("load", format!("runs {}", words.trim()), shown, number);
        }
    }
    if is_evaluating {
        for (number, line) in lines {
            if let Some(words) = KEPT.iter().find(|words| line.contains(**words)) {
                findings.add(
                    "results_kept",
                    words.trim().trim_end_matches(':'),
                    shown,
                    Some(number),
                );
            }
        }
    }
    is_evaluating
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') || line.starts_with("//")
}
