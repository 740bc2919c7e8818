//! Figures for people: shares, power, comparisons and text metrics of files, as they are shown, as JSON, and as they are
//! refused.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_testkit::Workspace;
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// What a command shows.
fn shown(workspace: &Workspace, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    workspace.run(&arguments).expect_code(0).stdout
}

/// What a command says as JSON.
fn as_json(workspace: &Workspace, arguments: &str) -> Value {
    let arguments: Vec<&str> = arguments.split_whitespace().chain(["--json", "-"]).collect();
    serde_json::from_str(&workspace.run(&arguments).expect_code(0).stdout).unwrap()
}

/// What a command is refused with.
fn refused(workspace: &Workspace, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    workspace.run(&arguments).expect_code(2).stderr
}

/// Every object with a value and an interval has all that belongs to an estimate, and no number is missing silently.
fn check_estimates(value: &Value, count: &mut usize) {
    match value {
        Value::Object(map) if map.contains_key("low") => {
            for key in ["value", "low", "high", "level", "n", "method", "unit"] {
                assert!(map.contains_key(key), "{key} of {value}");
            }
            if let (Some(low), Some(x), Some(high)) =
                (map["low"].as_f64(), map["value"].as_f64(), map["high"].as_f64())
            {
                assert!(low <= x && x <= high, "{value}");
            }
            *count += 1;
        }
        Value::Object(map) => map.values().for_each(|value| check_estimates(value, count)),
        Value::Array(list) => list.iter().for_each(|value| check_estimates(value, count)),
        _ => {}
    }
}

/// Protects the shares: text as it was, JSON with one estimate for each method, a file written whole.
#[test]
fn shares_with_their_intervals() {
    let workspace = workspace();
    insta::assert_snapshot!(shown(&workspace, "stats proportion 187/200 --json share.json"), @r"
    wilson           0.9350 [0.8920, 0.9616]  n 200  level 0.95
    clopper_pearson  0.9350 [0.8914, 0.9649]  n 200  level 0.95
    jeffreys         0.9350 [0.8945, 0.9631]  n 200  level 0.95
    agresti_coull    0.9350 [0.8910, 0.9626]  n 200  level 0.95
    ");
    let share = workspace.json("share.json");
    assert_eq!(
        (&share["schema"], &share["exit_code"]),
        (&json!("seatrial.stats.proportion/1"), &json!(0))
    );
    let mut estimates = 0;
    check_estimates(&share, &mut estimates);
    assert_eq!(estimates, 4);
    assert!(
        refused(&workspace, "stats proportion 187/200 --json nowhere/share.json").contains("does not exist")
    );
}

/// Protects the three questions in every design; numbers are those of the sample-size literature (312 pairs for five
/// points at ten percent discordant; 34 pairs and 64 per arm for half a standard deviation).
#[test]
fn power_answers_the_third_question() {
    let workspace = workspace();
    insta::assert_snapshot!(shown(&workspace, "stats power --discordant 0.1 --difference 0.05 --power 0.8"), @r"
    n           312 pairs
    for         difference 0.0500, power 0.8, two-sided alpha 0.05
    by          McNemar's test, 0.1 of the pairs discordant
    ");
    insta::assert_snapshot!(shown(&workspace, "stats power --p1 0.9 --p2 0.93 --n 1000 --level 0.9"), @r"
    power       0.7792
    for         1000 trials in each of two groups, difference 0.0300, two-sided alpha 0.1
    by          normal test of shares 0.9 and 0.9300
    ");
    for (question, key, answer) in [
        ("--discordant 0.1 --n 312 --power 0.8", "difference", 0.05),
        ("--n 312 --discordant 0.1", "difference", 0.05),
        ("--discordant 0.1 --difference 0.05", "n", 312.0),
        ("--discordant 0.1 --n 312 --difference -0.05", "power", 0.8),
        ("--p1 0.5 --p2 0.55 --power 0.9", "n", 2095.0),
        ("--p1 0.5 --n 2095 --power 0.9", "difference", 0.05),
        ("--sd 1 --difference 0.5 --power 0.8", "n", 34.0),
        ("--sd 2 --difference 1 --n 34", "power", 0.8077),
        ("--sd 1 --independent --difference 0.5 --power 0.8", "n", 64.0),
        ("--sd 1 --independent --n 64 --power 0.8", "difference", 0.4992),
    ] {
        let result = as_json(&workspace, &format!("stats power {question}"));
        assert_eq!(
            (&result["schema"], &result["solved_for"]),
            (&json!("seatrial.stats.power/1"), &json!(key))
        );
        let found = result[key].as_f64().unwrap();
        assert!(
            (found - answer).abs() < 6e-4 * answer.max(1.0),
            "{question}: {found}"
        );
    }
}

/// Protects the answers to what is no question.
#[test]
fn power_says_what_it_lacks() {
    let workspace = workspace();
    for (arguments, said) in [
        ("--n 300 --power 0.8", "--discordant"),
        ("--discordant 0.1", "--n and --difference are missing"),
        ("--discordant 0.1 --power 0.8", "--n and --difference are missing"),
        (
            "--discordant 0.1 --n 300 --difference 0.05 --power 0.8",
            "expected two",
        ),
        (
            "--discordant 0.1 --difference 0.2 --power 0.8",
            "at most the share of discordant pairs",
        ),
        ("--discordant 0 --n 100 --power 0.8", "--discordant is 0"),
        ("--discordant 0.1 --n 5 --power 0.8", "no difference at all"),
        (
            "--p1 0.9 --difference 0.2 --power 0.8",
            "second share between 0 and 1",
        ),
        ("--p1 1.9 --n 10 --power 0.8", "--p1 is 1.9"),
        ("--sd -1 --n 10 --power 0.8", "--sd is -1"),
        ("--sd 1 --n 1 --power 0.8", "--n is 1"),
        ("--sd 1 --n 0 --power 0.8", "--n is 0"),
        ("--sd 1 --difference 0 --power 0.8", "other than 0"),
        ("--sd 1 --difference 0.1 --power 0.01", "--power is 0.01"),
        ("--sd 1 --difference 0.1 --power 0.8 --alpha 1", "--alpha is 1"),
        ("--sd 1 --p1 0.5 --n 10 --power 0.8", "cannot be used with"),
        ("--sd 1 --difference 1e-300 --power 0.8", "no number of cases"),
    ] {
        let error = refused(&workspace, &format!("stats power {arguments}"));
        assert!(error.contains(said), "{arguments}: {error}");
    }
}

/// Right and wrong answers of two systems to a hundred cases: 12 for B alone, 3 for A alone, two unpaired.
fn write_answers(workspace: &Workspace) {
    let rows = |right: fn(usize) -> bool, last: &str| {
        let rows: String = (0..100)
            .map(|i| format!("q{i},{},t{}\n", u8::from(right(i)), i % 20))
            .collect();
        format!("id,score,topic\n{rows}{last},1,t0\n")
    };
    workspace.write("a.csv", rows(|i| (12..70).contains(&i), "x1"));
    workspace.write("b.csv", rows(|i| i < 67, "x2"));
}

/// Protects the comparison of right and wrong answers as people and programs see it.
#[test]
fn answers_are_compared_by_mcnemar() {
    let workspace = workspace();
    write_answers(&workspace);
    insta::assert_snapshot!(shown(&workspace, "stats compare a.csv b.csv"), @r"
    A             0.5800 [0.4821, 0.6720]  a.csv
    B             0.6700 [0.5731, 0.7544]  b.csv
    pairs         100
    unpaired      1 only in A, 1 only in B
    B − A         0.0900 [0.0133, 0.1632]  95 % interval, agresti_min
    test          p = 0.0213  McNemar, mid-p
    effect        0.3000 [0.0481, 0.4295]  Cohen's g, share of B among cases that one alone got right − ½
    B better      with probability 0.9894  beta_posterior
    case by case  B wins 12, A wins 3, 85 ties
    detectable    0.1072, the smallest difference shown with power 0.8
    ");
    let result = as_json(&workspace, "stats compare a.csv b.csv --lower-is-better");
    assert_eq!(result["schema"], "seatrial.stats.compare/1");
    assert_eq!(
        (&result["n_pairs"], &result["a"]["n_unpaired"]),
        (&json!(100), &json!(1))
    );
    let comparison = &result["comparisons"][0];
    assert_eq!(
        (&comparison["test"]["name"], &comparison["scale"]),
        (&json!("mcnemar_mid_p"), &json!("binary"))
    );
    assert_eq!(
        (&comparison["wins"]["a"], &comparison["wins"]["b"]),
        (&json!(12), &json!(3))
    );
    assert!(comparison["probability_b_better"]["value"].as_f64().unwrap() < 0.05);
    let mut estimates = 0;
    check_estimates(&result, &mut estimates);
    assert_eq!(estimates, 4);
    assert_eq!(result["warnings"].as_array().unwrap().len(), 1);
}

/// Protects clusters and epochs: dependent answers are not counted as independent ones.
#[test]
fn dependent_answers_are_weighed_as_such() {
    let workspace = workspace();
    write_answers(&workspace);
    insta::assert_snapshot!(shown(&workspace, "stats compare a.csv b.csv --cluster-field topic --scale real"), @r"
    A             0.5800 [0.5512, 0.6088]  a.csv
    B             0.6700 [0.6242, 0.7158]  b.csv
    pairs         100 in 20 clusters
    unpaired      1 only in A, 1 only in B
    B − A         0.0900 [0.0422, 0.1378]  95 % interval, cluster_t
                  0.0900 [0.0500, 0.1300]  cluster_bootstrap
    test          p = 0.0039  sign flips of clusters, all of them
    effect        0.2377 (no interval)  d_z, difference / standard deviation of the differences
    B better      with probability 0.9996  student_t_posterior
    case by case  B wins 12, A wins 3, 85 ties
    detectable    0.0670, the smallest difference shown with power 0.8
    ");
    // The same answers with five equal epochs each say as much as one.
    let five = |name: &str, score: fn(usize) -> f64| {
        let row = |i: usize| json!({"id": i % 40, "epoch": i / 40, "score": score(i % 40)});
        workspace.write(
            name,
            (0..200).map(|i| format!("{}\n", row(i))).collect::<String>(),
        );
        let row = |i: usize| json!({"id": i, "score": score(i)});
        workspace.write(
            &format!("one-{name}"),
            (0..40).map(|i| format!("{}\n", row(i))).collect::<String>(),
        );
    };
    five("a.jsonl", |i| (i % 7) as f64);
    five("b.jsonl", |i| (i % 7) as f64 + (i % 3) as f64 - 0.6);
    let many = as_json(&workspace, "stats compare a.jsonl b.jsonl");
    let one = as_json(&workspace, "stats compare one-a.jsonl one-b.jsonl");
    assert_eq!((&many["epochs_max"], &many["n_pairs"]), (&json!(5), &json!(40)));
    for key in ["low", "high"] {
        let of = |result: &Value| result["comparisons"][0]["difference"][key].as_f64().unwrap();
        assert!((of(&many) - of(&one)).abs() < 1e-9);
    }
    assert_eq!(
        many["comparisons"][0]["test"]["p"],
        one["comparisons"][0]["test"]["p"]
    );
}

/// Protects the places of complaints: file and line, what was found, what was expected.
#[test]
fn score_files_are_refused_with_a_place() {
    let workspace = workspace();
    workspace.write("good.csv", "id,score\nq1,1\nq2,0.5\n");
    workspace.write(
        "good.jsonl",
        "{\"id\":\"q1\",\"score\":null}\n\n{\"id\":\"q2\",\"score\":true}\n",
    );
    let paired = as_json(&workspace, "stats compare good.csv good.jsonl");
    assert_eq!(
        (&paired["n_pairs"], &paired["b"]["n_missing"]),
        (&json!(1), &json!(1))
    );
    for (name, content, options, said) in [
        (
            "twice.csv",
            "id,score\nq1,1\nq1,0\n",
            "",
            "twice.csv:3: case `q1` has a second score",
        ),
        (
            "word.csv",
            "id,score\nq1,1\nq2,good\n",
            "",
            "word.csv:3: `score` is `good`, expected a finite number",
        ),
        (
            "infinite.csv",
            "id,score\nq1,inf\n",
            "",
            "infinite.csv:2: `score` is `inf`",
        ),
        (
            "wide.csv",
            "id,score\nq1,1.5\n",
            "--scale unit",
            "wide.csv:2: `score` is `1.5`, expected a number from 0 to 1",
        ),
        (
            "half.csv",
            "id,score\nq1,0.5\n",
            "--scale binary",
            "expected 0 or 1",
        ),
        (
            "long.csv",
            "id,score\nq1,1,2\n",
            "",
            "long.csv:2: 3 columns, expected 2",
        ),
        (
            "header.csv",
            "case,score\nq1,1\n",
            "",
            "header.csv:1: no column `id`, found: case, score",
        ),
        (
            "same.csv",
            "id,score,score\nq1,1,1\n",
            "",
            "same.csv:1: column `score` is there twice",
        ),
        ("noid.csv", "id,score\n,1\n", "", "noid.csv:2: `id` is ``"),
        (
            "epoch.csv",
            "id,score,epoch\nq1,1,-1\n",
            "",
            "epoch.csv:2: epoch is `-1`",
        ),
        ("empty.csv", "id,score\n", "", "empty.csv has no rows"),
        (
            "other.csv",
            "id,score\nz,1\n",
            "",
            "no case has a score on both sides",
        ),
        (
            "part.csv",
            "id,score,cluster\nq1,1,c\nq2,0,\n",
            "",
            "part.csv:3: case `q2` has no cluster",
        ),
        (
            "broken.jsonl",
            "{\"id\":1,\"score\":1}\n{\"id\":\n",
            "",
            "broken.jsonl:2: column",
        ),
        (
            "list.jsonl",
            "{\"id\":1,\"score\":[1]}\n",
            "",
            "list.jsonl:1: `score` is a list or an object",
        ),
        ("none.jsonl", "{\"id\":1}\n", "", "none.jsonl:1: no `score`"),
        ("latin.csv", "id,score\nq\u{e9},1\n", "", ""),
    ] {
        if said.is_empty() {
            workspace.write(name, b"id,score\nq\xe9,1\n");
            let error = refused(&workspace, &format!("stats compare {name} good.csv"));
            assert!(
                error.contains("latin.csv:2: byte 2 is 0xe9, expected UTF-8"),
                "{error}"
            );
            continue;
        }
        workspace.write(name, content);
        let sides = if name == "part.csv" {
            "part.csv good.csv"
        } else {
            &format!("good.csv {name}")
        };
        let error = refused(&workspace, &format!("stats compare {sides} {options}"));
        assert!(error.contains(said), "{name}: {error}");
    }
    assert!(refused(&workspace, "stats compare absent.csv good.csv").contains("failed to read absent.csv"));
    assert!(refused(&workspace, "stats compare . good.csv").contains("is a folder"));
    assert!(
        refused(&workspace, "stats compare good.csv good.csv --level 1.5")
            .contains("the level is out of range")
    );
    assert!(refused(&workspace, "stats compare good.csv good.csv --power 0").contains("--power is 0"));
    assert!(
        refused(&workspace, "stats compare good.csv good.csv --epoch-field round")
            .contains("no column `round`")
    );
}

const HYPOTHESES: &str = "The cat sat on the mat, and the dog slept.\nIt costs $1,000.50 in the new shop!\n\
    He said: \"I don't know.\"\n\nCafé Müller öffnet um 9 Uhr 30.\n";
const REFERENCES: &str = "The cat sat on a mat while the dog was sleeping.\nIt costs $1,000.50 at the new shop.\n\
    He said \"I do not know\".\nNothing was said here.\nDas Café Müller öffnet um halb zehn.\n";
const MORE_REFERENCES: &str = "A cat sat on the mat, and the dog slept.\nIn the new shop it costs 1000.50 dollars.\n\
    \"I don't know,\" he said.\nSilence.\nUm 9 Uhr 30 öffnet das Café Müller.\n";

fn write_texts(workspace: &Workspace) {
    workspace.write("hyp.txt", HYPOTHESES);
    workspace.write("ref.txt", REFERENCES);
    workspace.write("more.txt", MORE_REFERENCES);
}

/// Protects the scores and signatures against what the program sacrebleu 2.6.0 printed for the same files and options.
#[test]
fn corpus_metrics_print_the_line_of_sacrebleu() {
    let workspace = workspace();
    write_texts(&workspace);
    for (command, options, line) in [
        (
            "bleu",
            "",
            "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp = 26.11827461 71.1/41.2/23.3/11.5 (BP = 0.877 ratio = 0.884 hyp_len = 38 ref_len = 43)",
        ),
        (
            "bleu",
            "--tokenize intl",
            "BLEU|nrefs:1|case:mixed|eff:no|tok:intl|smooth:exp = 25.81205718 66.7/40.0/22.6/11.1 (BP = 0.903 ratio = 0.907 hyp_len = 39 ref_len = 43)",
        ),
        (
            "bleu",
            "--tok char",
            "BLEU|nrefs:1|case:mixed|eff:no|tok:char|smooth:exp = 52.81905990 86.9/71.8/63.6/55.8 (BP = 0.770 ratio = 0.793 hyp_len = 107 ref_len = 135)",
        ),
        (
            "bleu",
            "--ref ref.txt more.txt --lowercase",
            "BLEU|nrefs:2|case:lc|eff:no|tok:13a|smooth:exp = 67.91263425 92.1/79.4/66.7/53.8 (BP = 0.949 ratio = 0.950 hyp_len = 38 ref_len = 40)",
        ),
        (
            "bleu",
            "--smooth-method add-k",
            "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:add-k[1.00] = 28.79804227 71.1/42.9/25.8/14.8 (BP = 0.877 ratio = 0.884 hyp_len = 38 ref_len = 43)",
        ),
        (
            "chrf",
            "",
            "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no = 50.97900866",
        ),
        (
            "chrf",
            "--ref ref.txt more.txt --chrf-word-order 2",
            "chrF2++|nrefs:2|case:mixed|eff:yes|nc:6|nw:2|space:no = 66.30020802",
        ),
        (
            "chrf",
            "--chrf-char-order 4 --chrf-beta 3",
            "chrF3|nrefs:1|case:mixed|eff:yes|nc:4|nw:0|space:no = 56.26383315",
        ),
        (
            "chrf",
            "--chrf-whitespace --chrf-lowercase",
            "chrF2|nrefs:1|case:lc|eff:yes|nc:6|nw:0|space:yes = 56.10168978",
        ),
        (
            "chrf",
            "--chrf-eps-smoothing",
            "chrF2|nrefs:1|case:mixed|eff:no|nc:6|nw:0|space:no = 50.97900514",
        ),
        (
            "ter",
            "",
            "TER|nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no = 54.28571429",
        ),
        (
            "ter",
            "--ref ref.txt more.txt --ter-normalized --ter-no-punct",
            "TER|nrefs:2|case:lc|tok:tercom|norm:yes|punct:no|asian:no = 20.58823529",
        ),
        (
            "ter",
            "--ter-normalized --ter-asian-support",
            "TER|nrefs:1|case:lc|tok:tercom|norm:yes|punct:yes|asian:yes = 46.51162791",
        ),
    ] {
        let references = if options.contains("--ref") {
            ""
        } else {
            "--ref ref.txt"
        };
        let text = shown(
            &workspace,
            &format!("text {command} --hyp hyp.txt {references} {options} -w 8"),
        );
        let version = format!("|version:seatrial-{}", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&version), "{text}");
        assert_eq!(
            text.lines().next().unwrap().replace(&version, ""),
            line,
            "{command} {options}"
        );
    }
}

/// Protects ROUGE against what rouge-score 0.1.2 gives for the same texts, and its Unicode tokeniser by name.
#[test]
fn rouge_is_that_of_rouge_score() {
    let workspace = workspace();
    write_texts(&workspace);
    let f = |options: &str| -> Vec<f64> {
        let result = as_json(&workspace, &format!("text rouge --hyp hyp.txt {options}"));
        assert_eq!(result["schema"], "seatrial.text.rouge/1");
        let scores = result["scores"].as_array().unwrap();
        scores
            .iter()
            .map(|score| score["f"]["value"].as_f64().unwrap())
            .collect()
    };
    for (options, expected) in [
        (
            "--ref ref.txt",
            [0.569_444_444_4, 0.428_496_240_6, 0.569_444_444_4, 0.569_444_444_4],
        ),
        (
            "--ref ref.txt more.txt --tokenizer default",
            [0.746_013_071_9, 0.621_111_111_1, 0.616_111_111_1, 0.616_111_111_1],
        ),
    ] {
        for (found, expected) in f(options).iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-9,
                "{options}: {found}, expected {expected}"
            );
        }
    }
    workspace.write("hyp.jsonl", "\"the cats\\nwere running\"\n\"привет мир\"\n");
    workspace.write("ref.jsonl", "\"were run\\nthe cat\"\n\"привет мир\"\n");
    let text = shown(
        &workspace,
        "text rouge --hyp hyp.jsonl --ref ref.jsonl --stemmer --kinds rougeL,rougeLsum --tokenizer unicode",
    );
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r"
    ROUGE|nrefs:1|stem:yes|tok:unicode|version:seatrial-VERSION
    rougeL      F1 0.7500 [0.5000, 1.0000]  precision 0.7500 [0.5000, 1.0000]  recall 0.7500 [0.5000, 1.0000]
    rougeLsum   F1 1.0000 [0.1311, 1.0000]  precision 1.0000 [0.1311, 1.0000]  recall 1.0000 [0.1311, 1.0000]
    mean of 2 texts; 95 % intervals by 1000 resamples, seed 12345
    ");
    let wordless = workspace
        .run(&["text", "rouge", "--hyp", "hyp.jsonl", "--ref", "ref.jsonl"])
        .expect_code(0);
    assert!(
        wordless.stderr.contains("1 references have no words"),
        "{}",
        wordless.stderr
    );
    assert!(
        refused(
            &workspace,
            "text rouge --hyp hyp.jsonl --ref ref.jsonl --kinds rouge0"
        )
        .contains("rouge1 to rouge9")
    );
}

/// Protects the interval, sacrebleu's form of it, and the paired test with both of its rules.
#[test]
fn scores_have_intervals_and_differences_a_test() {
    let workspace = workspace();
    write_texts(&workspace);
    let result = as_json(
        &workspace,
        "text chrf --hyp hyp.txt --ref ref.txt --baseline more.txt",
    );
    let mut estimates = 0;
    check_estimates(&result, &mut estimates);
    assert_eq!(estimates, 3);
    let test = &result["baseline"]["test"];
    assert_eq!(
        (&test["name"], &test["exact"]),
        (&json!("approximate_randomisation"), &json!(true))
    );
    let line = shown(
        &workspace,
        "text bleu --hyp hyp.txt --ref ref.txt --confidence --confidence-n 500 --seed 3",
    );
    assert!(
        line.contains("nrefs:1|bs:500|seed:3|case") && line.contains(" (μ = "),
        "{line}"
    );
    // A system against itself: no evidence at all, which sacrebleu reports as the strongest there is.
    let itself = "text bleu --hyp hyp.txt --ref ref.txt --baseline hyp.txt --paired-n 200";
    assert_eq!(as_json(&workspace, itself)["baseline"]["test"]["p"], 1.0);
    let theirs = as_json(&workspace, &format!("{itself} --paired-rule sacrebleu"));
    assert!(theirs["baseline"]["test"]["p"].as_f64().unwrap() < 0.005);
    let drawn = as_json(&workspace, &format!("{itself} --paired-bs"));
    assert_eq!(
        (
            &drawn["baseline"]["test"]["name"],
            &drawn["baseline"]["test"]["p"]
        ),
        (&json!("paired_bootstrap"), &json!(1.0))
    );
}

/// Protects the refusals of texts, each with its place.
#[test]
fn texts_are_refused_with_a_place() {
    let workspace = workspace();
    write_texts(&workspace);
    workspace.write("short.txt", "one\ntwo\n");
    workspace.write("empty.txt", "");
    workspace.write("latin.txt", b"one\ntw\xf6\n");
    workspace.write("bad.jsonl", "\"one\"\ntwo\n");
    for (arguments, said) in [
        (
            "bleu --hyp hyp.txt --ref ref.txt short.txt",
            "short.txt:3: the file ends after 2 lines, but hyp.txt has 5",
        ),
        (
            "ter --hyp short.txt --ref ref.txt",
            "short.txt:3: the file ends after 2 lines, but ref.txt has 5",
        ),
        (
            "chrf --hyp hyp.txt --ref ref.txt --baseline short.txt",
            "short.txt:3",
        ),
        ("bleu --hyp empty.txt --ref ref.txt", "empty.txt is empty"),
        (
            "bleu --hyp latin.txt --ref short.txt",
            "latin.txt:2: byte 3 is 0xf6, expected UTF-8",
        ),
        ("rouge --hyp bad.jsonl --ref short.txt", "bad.jsonl:2:"),
        ("bleu --hyp absent.txt --ref ref.txt", "failed to read absent.txt"),
        ("bleu --hyp hyp.txt --ref ref.txt --tokenize moses", "13a"),
        (
            "bleu --hyp hyp.txt --ref ref.txt --smooth-value 1",
            "--smooth-value has no meaning",
        ),
        (
            "bleu --hyp hyp.txt --ref ref.txt --smooth-method floor --smooth-value 0",
            "smoothing value is 0",
        ),
        ("bleu --hyp hyp.txt --ref ref.txt --level 1", "--level is 1"),
        ("rouge --hyp hyp.txt --ref ref.txt --level 0", "--level is 0"),
        (
            "bleu --hyp hyp.txt --ref ref.txt --confidence-n 0",
            "0 is not in 1..=",
        ),
        (
            "chrf --hyp hyp.txt --ref ref.txt --chrf-char-order 99",
            "character order 99",
        ),
        ("chrf --hyp hyp.txt --ref ref.txt --chrf-beta 0", "beta is 0"),
        ("ter --hyp hyp.txt", "--ref"),
    ] {
        let error = refused(&workspace, &format!("text {arguments}"));
        assert!(error.contains(said), "{arguments}: {error}");
    }
    workspace.write("one.txt", "the cat\n");
    workspace.write("blank.txt", "\n");
    // One empty text, not no text.
    let blank = as_json(&workspace, "text bleu --hyp blank.txt --ref one.txt");
    assert_eq!((&blank["score"], &blank["n_segments"]), (&json!(0.0), &json!(1)));
    let one = workspace
        .run(&[
            "text", "bleu", "--hyp", "one.txt", "--ref", "one.txt", "--json", "one.json",
        ])
        .expect_code(0);
    assert!(one.stderr.contains("no spread"), "{}", one.stderr);
    assert_eq!(workspace.json("one.json")["estimate"]["low"], Value::Null);
}
