//! The examples at the end of each long help. Apart, so that the command line itself stays readable.

pub(crate) const RUN_EXAMPLES: &str = "Examples:
  seatrial run suite.yaml
  seatrial run suite.yaml --json findings.json --junit junit.xml --markdown comment.md --html report.html
  seatrial run suite.yaml --resume        # after Ctrl-C, a crash or a stop: no call is repeated
  seatrial run suite.yaml --max-cost 5 --max-duration 10m   # stops before, goes on with --resume and larger caps
  seatrial run suite.yaml --cache read-write
  seatrial run suite.yaml --rescore latest                  # new scorers or references, the same answers
  seatrial run suite.yaml --baseline release-1.4            # gates compare with this blessed run
  seatrial run suite.yaml --quiet && deploy

In GitHub Actions the step summary, annotations on the lines of the suite, and the outputs verdict, exit_code, run_id,
samples, cost_usd and report are written by themselves; --no-github switches that off.";

pub(crate) const DEMO_EXAMPLES: &str = "Examples:
  seatrial demo
  seatrial demo --out trial --gate        # the folder trial/, and the exit code of the gates
  seatrial demo --seed 3";

pub(crate) const REPORT_EXAMPLES: &str = "Examples:
  seatrial report latest
  seatrial report latest --format html --output report.html
  seatrial report 20260131T120000-9f3a61 --format markdown | gh pr comment 7 --body-file -
  seatrial report latest --format junit --junit-samples --output junit.xml
  seatrial report latest --format gitlab-codequality --output gl-code-quality-report.json
  seatrial report list --json -
  seatrial report flaky                  # pass@k, pass^k and flaky cases over the runs of the newest plan

A report is made from the record: nothing is asked again, and the exit code is 0 whatever the verdict, unless --gate
is given.";

pub(crate) const EXPORT_EXAMPLES: &str = "Examples:
  seatrial export latest > samples.jsonl
  seatrial export latest --format csv --output samples.csv
  seatrial export latest --format parquet --output samples.parquet --no-texts
  seatrial export latest --format inspect --target tier-1 --task answers --output log.json";

pub(crate) const SIM_EXAMPLES: &str = "Examples:
  seatrial sim                                  # prints {\"listening\":\"http://127.0.0.1:…\"}
  seatrial sim --listen 127.0.0.1:8080 --config personas.yaml";

pub(crate) const STATS_EXAMPLES: &str = "Examples:
  seatrial stats proportion 187/200
  echo '{\"id\":1,\"fn\":\"wilson\",\"input\":{\"k\":187,\"n\":200}}' | seatrial stats eval
  seatrial stats list";

pub(crate) const TEXT_EXAMPLES: &str = "Examples:
  seatrial text list
  seatrial text eval < calls.jsonl > answers.jsonl";

pub(crate) const SCHEMA_EXAMPLES: &str = "Examples:
  seatrial schema suite > suite.schema.json
  seatrial schema findings";

pub(crate) const COMPLETIONS_EXAMPLES: &str = "Examples:
  seatrial completions bash > ~/.local/share/bash-completion/completions/seatrial
  seatrial completions zsh > \"${fpath[1]}/_seatrial\"
  seatrial completions fish > ~/.config/fish/completions/seatrial.fish
  seatrial completions powershell >> $PROFILE
  seatrial completions elvish >> ~/.config/elvish/rc.elv";
