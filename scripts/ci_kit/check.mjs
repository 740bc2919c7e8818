// Reads the generated pipelines as the CI systems do, and carries out what can be carried out here: the steps of the GitHub
// workflow and of the action with a stand-in for gh, the script of the GitLab job. Usage: check.mjs BINARY FOLDER
//
// GitHub: GitHub's own parser and schema. GitLab: gitlab-ci-local, with GitLab's schema. Jenkins: CodeNarc's Groovy parser,
// and the sections of a declarative pipeline; the plug-in that checks those is in no package. Azure: no package holds its
// schema, so keys and tasks are held against a list of those that are used.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } from "@actions/workflow-parser";
import { parseAction } from "@actions/workflow-parser/actions/action-parser";
import { parse } from "yaml";

const [, , binary, folder] = process.argv;
const here = dirname(fileURLToPath(import.meta.url));
const bin = (name) => join(here, "node_modules", ".bin", name);
const action = join(here, "..", "..", "action");

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", ...options });
  if (done.error) throw done.error;
  return { code: done.status, text: `${done.stdout}${done.stderr}`, stdout: done.stdout };
}

function must(command, args, options) {
  const done = run(command, args, options);
  assert.equal(done.code, 0, `${command} ${args.join(" ")}: ${done.text}`);
  return done;
}

/** A repository with a suite of recorded answers, which needs no key, and one that needs two. */
function repository(name) {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const cases = Array.from({ length: 60 }, (_, i) => ({ id: `c${i}`, input: `Question ${i}?`, expected: `berth ${i % 5}` }));
  writeFileSync(join(at, "cases.jsonl"), lines(cases));
  writeFileSync(join(at, "answers.jsonl"), lines(cases.map((row, i) => ({ id: row.id, output: i % 6 ? row.expected : "no" }))));
  const task = "tasks:\n  - {name: answers, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n";
  writeFileSync(join(at, "suite.yaml"), `version: 1\nname: trial\ntargets:\n  - {name: t, provider: recorded, path: answers.jsonl}\n${task}gates:\n  - {metric: answers.exact_match, at_least: 0.5}\n`);
  writeFileSync(join(at, "keys.yaml"), `version: 1\nname: keys\ntargets:\n  - name: t\n    provider: openai\n    model: m\n    headers_env: {x-team: TEAM_TOKEN}\n${task}`);
  must("git", ["init", "-q", "-b", "main"], { cwd: at });
  const git = (...args) => must("git", ["-c", "user.email=a@example.com", "-c", "user.name=a", ...args], { cwd: at });
  git("add", "-A");
  git("commit", "-q", "-m", "start");
  return at;
}

/** Scripts in a shell's eyes. */
function checkShell(scripts, what) {
  assert.ok(scripts.length > 0, what);
  for (const script of scripts) {
    const done = run("bash", ["-n"], { input: script });
    assert.equal(done.code, 0, `${what}: ${done.text}\n${script}`);
    // Values come in as variables: what a pull request says never becomes part of a script.
    assert.ok(!script.includes("${{"), `${what}: an expression inside a script`);
  }
}

// ---- GitHub ----

async function workflowErrors(content) {
  const trace = new NoOperationTraceWriter();
  const result = parseWorkflow({ name: "seatrial.yml", content }, trace);
  const errors = result.context.errors.getErrors().map((error) => error.message);
  if (errors.length > 0 || !result.value) return errors;
  const template = await convertWorkflowTemplate(result.context, result.value, undefined, {});
  return [...(template.errors ?? []), ...result.context.errors.getErrors()].map((error) => error.Message ?? error.message);
}

/** A stand-in for gh that keeps comments in a file. */
function standIn(at) {
  const tools = join(at, "tools");
  mkdirSync(tools, { recursive: true });
  const script = `#!/usr/bin/env node
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const file = ${JSON.stringify(join(at, "comments.json"))};
const comments = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
const args = process.argv.slice(2);
if (args.shift() !== "api" || !process.env.GH_TOKEN) process.exit(9);
const option = (name) => { const i = args.indexOf(name); return i < 0 ? undefined : args[i + 1]; };
const path = args.find((arg) => arg.startsWith("repos/"));
const field = option("-F");
const body = field && readFileSync(field.replace("body=@", ""), "utf8");
const list = path.match(/^repos\\/o\\/r\\/issues\\/7\\/comments(\\?per_page=100)?$/);
const one = path.match(/^repos\\/o\\/r\\/issues\\/comments\\/(\\d+)$/);
if (list && option("--method") === "POST") comments.push({ id: comments.length + 1, user: { type: "Bot" }, body });
else if (one && option("--method") === "PATCH") comments.find((comment) => comment.id === Number(one[1])).body = body;
else if (list && option("--jq")) {
  for (const comment of comments) if (comment.user.type === "Bot" && comment.body.startsWith(process.env.MARKER)) console.log(comment.id);
} else process.exit(8);
writeFileSync(file, JSON.stringify(comments));
`;
  writeFileSync(join(tools, "gh"), script);
  chmodSync(join(tools, "gh"), 0o755);
  symlinkSync(binary, join(tools, "seatrial"));
  return tools;
}

/** Carries out a step's script as GitHub does; its outputs. */
function step(at, script, env, expected = 0) {
  const output = join(at, "step-output");
  writeFileSync(output, "");
  const all = {
    ...process.env, PATH: `${join(at, "tools")}:${process.env.PATH}`, GITHUB_OUTPUT: output, GITHUB_PATH: join(at, "path"),
    GITHUB_STEP_SUMMARY: join(at, "summary.md"), GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: at, RUNNER_TEMP: at,
    GITHUB_REPOSITORY: "o/r", GITHUB_SHA: "0123456", GITHUB_ACTOR: "somebody", GITHUB_ACTION_PATH: action, GH_TOKEN: "token",
    NUMBER: "7", ...env,
  };
  const done = run("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], { cwd: at, env: all });
  assert.equal(done.code, expected, `${script}\n${done.text}`);
  return Object.fromEntries(readFileSync(output, "utf8").split("\n").filter(Boolean).map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

const comments = (at) => JSON.parse(readFileSync(join(at, "comments.json"), "utf8"));

async function github() {
  const at = repository("github");
  must(binary, ["ci", "init", "github", "--suite", "keys.yaml", "--output", "keys.yml"], { cwd: at });
  const text = readFileSync(join(at, "keys.yml"), "utf8");
  assert.deepEqual(await workflowErrors(text), []);
  assert.notEqual((await workflowErrors(text.replace("runs-on", "runs_on"))).length, 0, "the parser finds nothing");
  const env = parse(text).jobs.evaluate.env;
  assert.deepEqual(env, { SUITE: "keys.yaml", OPENAI_API_KEY: "${{ secrets.OPENAI_API_KEY }}", TEAM_TOKEN: "${{ secrets.TEAM_TOKEN }}" });

  must(binary, ["ci", "init", "github"], { cwd: at });
  const workflow = parse(readFileSync(join(at, ".github/workflows/seatrial.yml"), "utf8"));
  const steps = workflow.jobs.evaluate.steps;
  checkShell(steps.flatMap((one) => (one.run ? [one.run] : [])), "github");
  const script = (name) => steps.find((one) => one.name === name).run;
  const tools = standIn(at);
  assert.ok(existsSync(join(tools, "gh")));
  // A person quotes the comment: it is theirs, and stays.
  const quoted = { id: 1, user: { type: "User" }, body: "<!-- seatrial:trial -->\nI see." };
  writeFileSync(join(at, "comments.json"), JSON.stringify([quoted]));
  for (const ref of ["refs/pull/7/merge", "refs/pull/7/merge"]) {
    const outputs = step(at, script("Evaluate"), { SUITE: "suite.yaml", GITHUB_REF: ref });
    assert.ok(outputs.run_id && outputs.verdict === "pass", JSON.stringify(outputs));
    step(at, script("Comment"), {});
    assert.equal(comments(at).length, 2);
    assert.ok(comments(at)[1].body.includes(outputs.run_id), "the newest run is told");
  }
  assert.deepEqual(comments(at)[0], quoted);
  assert.ok(existsSync(join(at, "seatrial-out/report.html")) && existsSync(join(at, "seatrial-out/junit.xml")));
  step(at, script("Evaluate"), { SUITE: "suite.yaml", GITHUB_REF: "refs/heads/main" });
  step(at, script("Bless"), {});
  assert.ok(existsSync(join(at, "seatrial-baselines/trial.json")));
  // A gate that fails fails the step, after the reports were written.
  writeFileSync(join(at, "suite.yaml"), readFileSync(join(at, "suite.yaml"), "utf8").replace("at_least: 0.5", "at_least: 0.99"));
  step(at, script("Evaluate"), { SUITE: "suite.yaml", GITHUB_REF: "refs/heads/main" }, 1);
}

async function theAction() {
  const content = readFileSync(join(action, "action.yml"), "utf8");
  const errors = (text) => parseAction({ name: "action.yml", content: text }, new NoOperationTraceWriter()).context.errors.getErrors();
  assert.deepEqual(errors(content).map((error) => error.message), []);
  assert.notEqual(errors(content.replace("using: composite", "using: nothing")).length, 0, "the parser finds nothing");
  const steps = parse(content).runs.steps;
  checkShell(steps.flatMap((one) => (one.run ? [one.run] : [])), "action");
  const script = (name) => steps.find((one) => one.name === name).run;
  const at = repository("action");
  standIn(at);
  step(at, script("Install"), { BINARY: binary, VERSION: "" });
  const outputs = step(at, script("Evaluate"), { SUITE: "suite.yaml", BASELINE: "", ARGS: "--max-errors\n3\n" });
  assert.equal(outputs.code, "0");
  assert.equal(outputs.verdict, "pass");
  assert.ok(existsSync(outputs.html) && existsSync(outputs.findings));
  step(at, script("Comment"), { RUN_ID: outputs.run_id });
  assert.equal(comments(at).length, 1);
  step(at, script("Decide"), { CODE: "6" }, 6);
  const broken = step(at, script("Evaluate"), { SUITE: "absent.yaml", BASELINE: "", ARGS: "" });
  assert.deepEqual([broken.code, broken.findings], ["2", undefined]);
}

// ---- GitLab ----

function gitlab() {
  const at = repository("gitlab");
  must(binary, ["ci", "init", "gitlab"], { cwd: at });
  const text = readFileSync(join(at, ".gitlab-ci.yml"), "utf8");
  const local = (...args) => run(process.execPath, [bin("gitlab-ci-local"), ...args], { cwd: at });
  const listed = local("--list-all");
  assert.equal(listed.code, 0, listed.text);
  assert.match(listed.text, /json schema validated/);
  writeFileSync(join(at, "broken.yml"), text.replace("when: always", "when: sometimes"));
  assert.notEqual(local("--file", "broken.yml", "--list-all").code, 0, "the schema finds nothing");
  const job = parse(text)[".seatrial"];
  checkShell([...job.before_script, ...job.script].map(String), "gitlab");
  // The job of the default branch, in a shell instead of its image; the program is there already.
  mkdirSync(join(at, ".seatrial-program/bin"), { recursive: true });
  cpSync(binary, join(at, ".seatrial-program/bin/seatrial"));
  const env = {
    ...process.env, SUITE: "suite.yaml", CI_PROJECT_DIR: at, CI_COMMIT_BRANCH: "main", CI_DEFAULT_BRANCH: "main",
    CI_COMMIT_SHA: "0123456", GITLAB_USER_LOGIN: "somebody", SEATRIAL_GITLAB_TOKEN: "", CI_MERGE_REQUEST_IID: "",
  };
  const script = [...job.before_script, ...job.script].join("\n");
  const done = run("bash", ["-eo", "pipefail", "-c", script], { cwd: at, env });
  assert.equal(done.code, 0, done.text);
  for (const file of ["junit.xml", "codequality.json", "metrics.txt", "comment.md", "report.html"]) {
    assert.ok(existsSync(join(at, "seatrial-out", file)), `${file} is missing: ${done.text}`);
  }
  assert.ok(existsSync(join(at, "seatrial-baselines/trial.json")), done.text);
}

// ---- Jenkins ----

function jenkins() {
  const at = repository("jenkins");
  must(binary, ["ci", "init", "jenkins", "--suite", "keys.yaml"], { cwd: at });
  const text = readFileSync(join(at, "Jenkinsfile"), "utf8");
  const lint = (file) => run(process.execPath, [bin("npm-groovy-lint"), "--noserver", "--failon", "error", "--files", file], { cwd: at });
  const done = lint("**/Jenkinsfile");
  assert.equal(done.code, 0, done.text);
  mkdirSync(join(at, "broken"));
  writeFileSync(join(at, "broken/Broken.groovy"), text.replace("pipeline {", "pipeline { ("));
  assert.notEqual(lint("**/Broken.groovy").code, 0, "the parser finds nothing");
  // The sections of a declarative pipeline, in one level of braces.
  const sections = [...text.matchAll(/^ {4}(\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(sections.sort(), ["agent", "environment", "options", "post", "stages"]);
  assert.match(text, /OPENAI_API_KEY = credentials\('OPENAI_API_KEY'\)/);
  const scripts = [...text.matchAll(/'''([\s\S]*?)'''/g)].map((match) => match[1].replaceAll("\\\\", "\\"));
  checkShell([...scripts, ...[...text.matchAll(/\bsh '([^'\n]*)'/g)].map((match) => match[1])], "jenkins");
}

// ---- Azure ----

function azure() {
  const at = repository("azure");
  must(binary, ["ci", "init", "azure", "--suite", "keys.yaml"], { cwd: at });
  const pipeline = parse(readFileSync(join(at, "azure-pipelines.yml"), "utf8"));
  assert.deepEqual(Object.keys(pipeline).sort(), ["jobs", "pool", "pr", "trigger", "variables"]);
  assert.deepEqual(pipeline.trigger.branches.include, ["main"]);
  const steps = pipeline.jobs[0].steps;
  const known = {
    "Cache@2": ["key", "path", "cacheHitVar", "restoreKeys"],
    "PublishTestResults@2": ["testResultsFormat", "testResultsFiles", "testRunTitle"],
    "PublishPipelineArtifact@1": ["targetPath", "artifact"],
  };
  for (const one of steps) {
    const kinds = ["checkout", "task", "bash"].filter((kind) => kind in one);
    assert.equal(kinds.length, 1, JSON.stringify(one));
    const allowed = new Set([kinds[0], "displayName", "condition", "continueOnError", "env", "inputs"]);
    for (const key of Object.keys(one)) assert.ok(allowed.has(key), `${key} in ${JSON.stringify(one)}`);
    for (const key of Object.keys(one.inputs ?? {})) assert.ok(known[one.task]?.includes(key), `${one.task}: ${key}`);
  }
  checkShell(steps.flatMap((one) => (one.bash ? [one.bash] : [])), "azure");
  const evaluate = steps.find((one) => one.displayName === "Evaluate");
  assert.deepEqual(evaluate.env, { OPENAI_API_KEY: "$(OPENAI_API_KEY)", TEAM_TOKEN: "$(TEAM_TOKEN)" });
}

await github();
await theAction();
gitlab();
jenkins();
azure();
console.log("pipelines of four CI systems and the action are read and carried out");
