// Makes a run, and its report, for each state that the page must show: from recorded answers, so that nothing is asked
// and every figure is the same each time. Usage: states.mjs BINARY FOLDER
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [, , binary, folder] = process.argv;

/** A small generator of numbers in [0, 1): the same ones on every machine. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

const WORDS = "the a harbour pilot reads wind tide chart and asks whether this vessel may leave port before dusk with cargo of grain or steel under load".split(" ");
const TOPICS = ["mooring", "weather", "customs", "safety", "engines"];

function sentence(random, words) {
  return Array.from({ length: words }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}

const HOSTILE = [
  "</script><script>window.broken = 1</script><img src=x onerror=\"window.broken = 2\">",
  "\u001b[31mred\u001b[0m and \u0000 and \u202e reversed",
  "<!-- <script> --> ]]> & \" ' ` ${window.broken = 3}",
  "long ".repeat(60000),
];

/** Writes cases and answers, runs the suite on them, and reports. */
function state(name, { count, accuracy, targets = ["large", "small"], gates, slices = true, latency = true, hostile = false, epochs = 1, words = 60 }) {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  const random = numbers(7);
  const cases = [];
  const answers = targets.map(() => []);
  for (let i = 0; i < count; i++) {
    const input = hostile && i < HOSTILE.length ? HOSTILE[i] : sentence(random, words);
    const id = `case-${String(i).padStart(5, "0")}`;
    cases.push({ id, input, expected: `berth ${i % 17}`, topic: hostile && i === 0 ? "<b>bold</b>" : TOPICS[i % TOPICS.length] });
    targets.forEach((_, target) => {
      if (hostile && i === 9) return;
      const right = random() < accuracy - target * 0.03;
      const output = hostile && i < HOSTILE.length ? HOSTILE[i] : right ? `berth ${i % 17}` : sentence(random, words / 2);
      const slow = 180 + 120 * target + 90 * random() * random() * 4 + (random() < 0.03 ? 400 : 0);
      answers[target].push({ id, output, latency_ms: Math.round(slow * 100) / 100, usage: { prompt_tokens: 90 + (i % 40), completion_tokens: 2 + (i % 9) } });
    });
  }
  const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(join(at, "cases.jsonl"), lines(cases));
  targets.forEach((target, i) => writeFileSync(join(at, `${target}.jsonl`), lines(answers[i])));
  const target = (name) => `  - name: ${name}
    provider: recorded
    path: ${name}.jsonl
    usage_field: usage
    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 4}
${latency ? "    latency_ms_field: latency_ms\n" : ""}`;
  writeFileSync(join(at, "suite.yaml"), `version: 1
name: ${name}
${slices ? "slices: [topic]\n" : ""}max_error_rate: 1
targets:
${targets.map(target).join("")}tasks:
  - name: answers
    dataset: {path: cases.jsonl}
    epochs: ${epochs}
    scorers: [exact_match, contains]
${gates ? `gates:\n${gates.map((gate) => `  - ${gate}\n`).join("")}` : ""}`);
  const run = (...args) => {
    const done = spawnSync(binary, args, { cwd: at, encoding: "utf8" });
    if (done.status === 2 || done.status === null) throw new Error(`${name}: ${args.join(" ")}: ${done.stderr}`);
  };
  run("run", "suite.yaml", "--quiet", "--no-github");
  run("report", "latest", "--format", "html", "--output", join(folder, `${name}.html`), "--quiet");
}

// No gate on latency: on a busy machine its verdict is, rightly, inconclusive.
const gates = (limit, fail = "warn") => [
  `{metric: answers.exact_match, at_least: ${limit}, on_inconclusive: ${fail}, name: good enough}`,
  "{metric: answers.error_rate, at_most: 0.2}",
];
state("pass", { count: 600, accuracy: 0.97, gates: gates(0.8) });
state("fail", { count: 600, accuracy: 0.7, gates: gates(0.9) });
state("inconclusive", { count: 120, accuracy: 0.9, gates: gates(0.88, "fail") });
state("plain", { count: 40, accuracy: 0.8, targets: ["only"], slices: false, latency: false });
state("hostile", { count: 30, accuracy: 0.8, hostile: true });
state("two_thousand", { count: 1000, accuracy: 0.9, gates: gates(0.8), words: 120 });
state("twenty_thousand", { count: 10000, accuracy: 0.9, gates: gates(0.8) });
