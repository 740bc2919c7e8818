// Makes a run, and its JUnit files in both forms, for each state: all right, gates that fail, errors, repetitions that
// disagree, many cases, hostile texts. Answers are recorded, so that nothing is asked. Usage: junit_schema.mjs BINARY FOLDER
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [, , binary, folder] = process.argv;

const HOSTILE = [
  "\u0000\u0001\u001b[31m ]]> </failure> & \" ' <testsuite skipped=\"1\">",
  "\ufffe\uffff \u202e [[PROPERTY|verdict=pass]] ]]",
  "long ".repeat(50_000),
];

/** `answer(case, epoch)` is the output, or undefined where there is none. */
function state(name, { count = 12, epochs = 1, answer, gates = [], id = (i) => `c${i}` }) {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  const cases = [];
  const answers = [];
  for (let i = 0; i < count; i++) {
    cases.push({ id: id(i), input: `Question ${i}?`, expected: `berth ${i % 5}` });
    for (let epoch = 0; epoch < epochs; epoch++) {
      const output = answer(i, epoch);
      if (output !== undefined) answers.push({ id: id(i), output, latency_ms: 100 + i, usage: { prompt_tokens: 9, completion_tokens: 3 } });
    }
  }
  const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(join(at, "cases.jsonl"), lines(cases));
  writeFileSync(join(at, "answers.jsonl"), lines(answers));
  writeFileSync(join(at, "suite.yaml"), `version: 1
name: ${name}
max_error_rate: 1
targets:
  - {name: t, provider: recorded, path: answers.jsonl, usage_field: usage, latency_ms_field: latency_ms,
     price: {input_usd_per_mtok: 1, output_usd_per_mtok: 4}}
tasks:
  - {name: answers, dataset: {path: cases.jsonl}, epochs: ${epochs}, scorers: [exact_match, contains]}
${gates.length ? `gates:\n${gates.map((gate) => `  - ${gate}\n`).join("")}` : ""}`);
  const run = (...args) => {
    const done = spawnSync(binary, args, { cwd: at, encoding: "utf8" });
    if (done.status === 2 || done.status === null) throw new Error(`${name}: ${args.join(" ")}: ${done.stderr}`);
  };
  run("run", "suite.yaml", "--quiet", "--no-github", "--junit", join(folder, `${name}.gates.strict.xml`));
  for (const form of ["strict", "rich"]) {
    const output = join(folder, `${name}.${form}.xml`);
    run("report", "latest", "--format", "junit", "--junit-samples", "--junit-form", form, "--output", output, "--quiet");
  }
}

const right = (i) => `berth ${i % 5}`;
const gate = (limit, rest = "") => `{metric: answers.exact_match, at_least: ${limit}${rest}}`;
state("pass", { count: 200, answer: right, gates: [gate(0.5)] });
state("fail", { count: 200, answer: (i) => (i % 2 ? "no" : right(i)), gates: [gate(0.9, ', name: "a <name> & \\"more\\" ]]>"')] });
state("inconclusive", { answer: right, gates: [gate(0.9), gate(0.9, ", on_inconclusive: fail, name: undecided")] });
state("errors", { answer: (i) => (i % 3 ? right(i) : undefined) });
state("nothing", { answer: () => undefined, gates: [gate(0.5)] });
state("flaky", { epochs: 3, answer: (i, epoch) => ((i + epoch) % 3 ? right(i) : "no") });
state("hostile", { count: HOSTILE.length, answer: (i) => HOSTILE[i], id: (i) => `${i} ${HOSTILE[i].slice(0, 150)}` });
state("many", { count: 3000, answer: (i) => (i % 7 ? right(i) : "no") });
