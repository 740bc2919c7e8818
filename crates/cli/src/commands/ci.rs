//! `seatrial ci init`: a pipeline file for a CI system. The files are templates with few holes, so that what is written
//! can be read beforehand, in `assets/ci`; why they are as they are: `docs/design/0025`.

use crate::args::ci::{CiCommand, CiInitArguments, CiSystem};
use crate::error::CliError;
use crate::output;
use crate::wiring;
use seatrial_config::{DEFAULT_API_KEY_ENV, DraftPlan, Endpoint, Target};
use seatrial_types::{ExitCode, TOOL_VERSION};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const GITHUB: &str = include_str!("../../assets/ci/github.yml");
const GITLAB: &str = include_str!("../../assets/ci/gitlab.yml");
const JENKINS: &str = include_str!("../../assets/ci/Jenkinsfile");
const AZURE: &str = include_str!("../../assets/ci/azure.yml");
/// The same script that the action of the repository runs; a test holds the two together.
const UPSERT: &str = include_str!("../../assets/ci/upsert_comment.sh");
/// Longest value that is put into a pipeline.
const VALUE_CHARS_MAX: usize = 300;
/// Signs beside letters and digits that mean nothing to any shell, YAML or Groovy inside quotation marks.
const PLAIN_SIGNS: &str = "/._-+@:~";

pub(crate) fn ci(command: &CiCommand) -> Result<ExitCode, CliError> {
    match command {
        CiCommand::Init(arguments) => init(arguments),
    }
}

fn init(arguments: &CiInitArguments) -> Result<ExitCode, CliError> {
    check_plain("--suite", &arguments.suite)?;
    check_plain("--main-branch", &arguments.main_branch)?;
    let install = install(arguments.install_from.as_deref())?;
    let keys = keys(Path::new(&arguments.suite))?;
    let text = pipeline(arguments, &install, &keys);
    let usual = PathBuf::from(match arguments.system {
        CiSystem::Github => ".github/workflows/seatrial.yml",
        CiSystem::Gitlab => ".gitlab-ci.yml",
        CiSystem::Jenkins => "Jenkinsfile",
        CiSystem::Azure => "azure-pipelines.yml",
    });
    let path = arguments.output.as_ref().unwrap_or(&usual);
    if output::is_stdout(path) {
        output::stdout(&text)?;
        return Ok(ExitCode::Pass);
    }
    write(path, &text, arguments)?;
    let mut names = String::new();
    for key in &keys {
        let _ = write!(names, " {key}");
    }
    let secrets = if keys.is_empty() {
        "the suite needs no key".to_owned()
    } else {
        format!("store these keys in the CI system:{names}")
    };
    output::stderr(&format!("wrote {}; {secrets}\n", path.display()));
    Ok(ExitCode::Pass)
}

fn write(path: &Path, text: &str, arguments: &CiInitArguments) -> Result<(), CliError> {
    if path.symlink_metadata().is_ok() && !arguments.force {
        let error = CliError::usage(format!("{} is there already", path.display()));
        return Err(match arguments.system {
            CiSystem::Gitlab => error.hint(
                "write to another file and include it from there (`include: {local: …}`), or write over it with --force",
            ),
            _ => error.hint("name another file with --output, or write over it with --force"),
        });
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            CliError::usage(format!("failed to make the folder {}: {error}", folder.display()))
        })?;
    }
    output::check_writable(path)?;
    output::write_whole(path, text)
}

/// Refuses what a shell, YAML or Groovy could take for its own.
fn check_plain(option: &str, value: &str) -> Result<(), CliError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || PLAIN_SIGNS.contains(c);
    let odd = value.chars().find(|c| !is_plain(*c));
    let problem = match odd {
        Some(c) => format!("contains `{}`", c.escape_debug()),
        None if value.is_empty() => "is empty".to_owned(),
        None if value.starts_with('-') => "starts with `-`".to_owned(),
        None if value.chars().count() > VALUE_CHARS_MAX => {
            format!("is longer than {VALUE_CHARS_MAX} characters")
        }
        None => return Ok(()),
    };
    Err(CliError::usage(format!(
        "{option} `{}` {problem}, expected letters, digits and {PLAIN_SIGNS}",
        value.escape_debug()
    ))
    .hint("a pipeline would read other signs as its own; use a plainer name"))
}

/// The command that installs this version.
fn install(source: Option<&str>) -> Result<String, CliError> {
    let Some(source) = source else {
        return Ok(format!("cargo install --locked seatrial@{TOOL_VERSION}"));
    };
    check_plain("--install-from", source)?;
    if source.contains("://") || source.starts_with("git@") {
        let address = source.strip_prefix("git+").unwrap_or(source);
        return Ok(format!(
            "cargo install --locked --git {address} --tag v{TOOL_VERSION} seatrial"
        ));
    }
    Ok(format!("cargo install --locked --path {source}"))
}

/// Variables whose values a run of the suite needs. A suite that is not there yet gets the usual one.
fn keys(suite: &Path) -> Result<BTreeSet<String>, CliError> {
    if !suite.exists() {
        output::stderr(&format!(
            "warning: {} is not there yet, so the pipeline hands on {DEFAULT_API_KEY_ENV}; change it there if the suite \
             names another\n",
            suite.display()
        ));
        return Ok(BTreeSet::from([DEFAULT_API_KEY_ENV.to_owned()]));
    }
    let (draft, _) = seatrial_config::read_suite(suite, &wiring::vocabulary())
        .map_err(|errors| CliError::rendered(errors.render(output::colors_stderr())))?;
    Ok(keys_of(&draft))
}

fn keys_of(draft: &DraftPlan) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for Target { endpoint, .. } in draft.targets.iter().chain(&draft.models) {
        let (key, headers) = match endpoint {
            Endpoint::OpenAi(openai) => (
                openai.api_key_required.then_some(&openai.api_key_env),
                Some(&openai.headers),
            ),
            Endpoint::Anthropic(anthropic) => (
                anthropic.api_key_required.then_some(&anthropic.api_key_env),
                Some(&anthropic.headers),
            ),
            Endpoint::Http(http) => (http.api_key_env.as_ref(), Some(&http.headers)),
            Endpoint::Recorded(_) | Endpoint::Exec(_) => (None, None),
        };
        names.extend(key.cloned());
        names.extend(
            headers
                .into_iter()
                .flat_map(|headers| headers.from_env.values().cloned()),
        );
    }
    names
}

/// The template with its holes filled.
fn pipeline(arguments: &CiInitArguments, install: &str, keys: &BTreeSet<String>) -> String {
    let (template, suite, keys_text) = match arguments.system {
        CiSystem::Github => (
            GITHUB,
            format!("\"{}\"", arguments.suite),
            lines(keys, |key| format!("      {key}: ${{{{ secrets.{key} }}}}\n")),
        ),
        CiSystem::Gitlab => (GITLAB, format!("\"{}\"", arguments.suite), String::new()),
        CiSystem::Jenkins => (
            JENKINS,
            format!("'{}'", arguments.suite),
            lines(keys, |key| format!("        {key} = credentials('{key}')\n")),
        ),
        CiSystem::Azure => {
            let mapped = lines(keys, |key| format!("          {key}: $({key})\n"));
            let block = if keys.is_empty() {
                String::new()
            } else {
                format!("        env:\n{mapped}")
            };
            (AZURE, format!("\"{}\"", arguments.suite), block)
        }
    };
    let names = if keys.is_empty() {
        "none is needed".to_owned()
    } else {
        keys.iter().cloned().collect::<Vec<_>>().join(", ")
    };
    let is_value = |line: &str| line.contains(": @SUITE@") || line.contains("= @SUITE@");
    let mut text = String::with_capacity(template.len() + 2048);
    for line in template.lines() {
        let suite = if is_value(line) { &suite } else { &arguments.suite };
        match line.trim_end() {
            "@UPSERT@" => {
                for script_line in UPSERT.lines() {
                    let indented = format!("          {script_line}");
                    let _ = writeln!(text, "{}", indented.trim_end());
                }
            }
            // The hole stands in front of the line that follows the keys.
            line => {
                let line = line.replace("@KEYS@", &keys_text);
                let filled = line
                    .replace("@SUITE@", suite)
                    .replace("@VERSION@", TOOL_VERSION)
                    .replace("@BRANCH@", &arguments.main_branch)
                    .replace("@INSTALL@", install)
                    .replace("@KEY_NAMES@", &names);
                let _ = writeln!(text, "{filled}");
            }
        }
    }
    text
}

fn lines(keys: &BTreeSet<String>, line: impl Fn(&str) -> String) -> String {
    keys.iter().map(|key| line(key)).collect()
}
