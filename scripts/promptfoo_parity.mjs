// Compares two evaluations of one configuration: promptfoo's output file and the export of seatrial's run. Prints the
// table of differences; ends with 1 when there is one that `differences.json` does not explain, or one explained there
// that is not there any more.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [theirsPath, oursPath, folder, name, flag] = process.argv.slice(2);
const theirs = JSON.parse(readFileSync(theirsPath, 'utf8'));
const version = theirs.metadata?.promptfooVersion ?? 'unknown';
const verdicts = theirs.results.results
  .map((row) => ({
    case: String(row.testIdx + 1),
    what: row.testCase.description ?? '',
    passes: row.success,
    score: Math.round(row.score * 1e6) / 1e6,
    // 2 is "the assertion threw": no verdict, and no pass.
    error: row.failureReason === 2,
  }))
  .sort((a, b) => Number(a.case) - Number(b.case));
if (flag === '--record') {
  const lines = verdicts.map((row) => JSON.stringify(row)).join(',\n  ');
  writeFileSync(join(folder, name === 'parity' ? 'verdicts.json' : `${name}-verdicts.json`), `{"promptfoo": "${version}", "rows": [\n  ${lines}\n]}\n`);
}
const ours = new Map();
for (const line of readFileSync(oursPath, 'utf8').split('\n').filter(Boolean)) {
  const sample = JSON.parse(line);
  const [pass, score] = sample.scores.filter((one) => one.scorer === 'checks');
  ours.set(sample.id, { pass, score });
}
const explained = new Map(
  JSON.parse(readFileSync(join(folder, 'differences.json'), 'utf8')).map((item) => [item.what, item.why]),
);
let unexplained = 0;
let verdictsDiffer = 0;
let scoresDiffer = 0;
for (const row of verdicts) {
  const own = ours.get(row.case);
  const ownPasses = own?.pass.value === 1;
  const ownScore = own?.score.value ?? 0;
  const samePass = own !== undefined && ownPasses === row.passes;
  const sameScore = own !== undefined && Math.abs(ownScore - Math.min(Math.max(row.score, 0), 1)) < 1e-5;
  if (samePass && sameScore) {
    if (explained.has(row.what)) {
      unexplained += 1;
      console.log(`${row.case}\t${row.what}\tno difference any more: take it out of differences.json`);
    }
    continue;
  }
  verdictsDiffer += samePass ? 0 : 1;
  scoresDiffer += sameScore ? 0 : 1;
  const why = explained.get(row.what);
  unexplained += why === undefined ? 1 : 0;
  const said = (passes, score) => `${passes ? 'pass' : 'fail'} ${score}`;
  console.log(
    `${row.case}\t${row.what}\ttheirs ${said(row.passes, row.score)}${row.error ? ' (error)' : ''}\t` +
      `ours ${said(ownPasses, ownScore)} (${own?.pass.detail})\t${why ?? 'UNEXPLAINED'}`,
  );
}
console.log(
  `promptfoo ${version}: ${verdicts.length} rows, ${verdictsDiffer} verdicts and ${scoresDiffer} scores differ, ` +
    `${unexplained} unexplained`,
);
process.exit(unexplained === 0 ? 0 : 1);
