//! `seatrial cost price` and `cost prices`: usage priced line by line, sources of prices listed, shown, compared, imported,
//! and refused with the line that is wrong.

use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

const PRICES: &str = "as_of: 2026-11-01
openai/gpt-4o:
  input_usd_per_mtok: 2.5
  output_usd_per_mtok: 10
  cache_read_usd_per_mtok: 1.25
  tiers: {batch: {factor: 0.5}}
anthropic/claude-x: {input_usd_per_mtok: 3, output_usd_per_mtok: 15}
";

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn refused(workspace: &Workspace, arguments: &[&str]) -> String {
    workspace.run(arguments).expect_code(2).stderr
}

/// Protects the price of a file: every row with its id, classes and source, unknown prices as null, and a total that is
/// unknown with them.
#[test]
fn usage_is_priced_line_by_line() {
    let workspace = workspace();
    let _ = workspace.write("prices.yaml", PRICES);
    // 600 × 2.5 + 400 × 1.25 + 300 × 10 = 5,000 per million; batch is half of 10 × 2.5.
    let _ = workspace.write(
        "usage.jsonl",
        r#"{"id": "a", "provider": "openai", "model": "gpt-4o", "at": "2026-11-02T10:00:00Z", "usage": {"prompt_tokens": 1000, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 400}}}
{"id": {"n": 2}, "provider": "openai", "model": "gpt-4o", "tier": "batch", "usage": {"prompt_tokens": 10, "completion_tokens": 0}}

{"provider": "anthropic", "model": "claude-x", "usage": {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 5}}
{"id": 4, "provider": "openai", "model": "gpt-9", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
"#,
    );
    let priced = workspace
        .run(&[
            "cost",
            "price",
            "usage.jsonl",
            "--prices",
            "prices.yaml",
            "--json",
            "out.json",
        ])
        .expect_code(0);
    let out = workspace.json("out.json");
    let rows = out["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(
        (&rows[0]["id"], &rows[0]["cost_usd"]),
        (&json!("a"), &json!(0.005))
    );
    let classes = json!({"input_uncached": 600, "cache_read": 400, "cache_write_5m": 0, "cache_write_1h": 0,
                         "output_visible": 300, "reasoning": 0});
    assert_eq!(rows[0]["classes"], classes);
    assert_eq!(rows[0]["priced_by"], "prices.yaml:openai/gpt-4o");
    assert_eq!(
        (&rows[1]["id"], &rows[1]["cost_usd"]),
        (&json!({"n": 2}), &json!(0.0000125))
    );
    assert_eq!((&rows[2]["id"], &rows[2]["cost_usd"]), (&json!(3), &Value::Null));
    assert_eq!(rows[2]["unknown"], "no price for cache_read tokens");
    assert_eq!(rows[3]["unknown"], "no price for model `gpt-9` of `openai`");
    let totals = &out["totals"];
    assert_eq!(
        (
            &totals["rows"],
            &totals["unknown"],
            &totals["cost_usd"],
            &totals["known_cost_usd"]
        ),
        (&json!(4), &json!(2), &Value::Null, &json!(0.0050125))
    );
    assert_eq!(totals["by_model"][0]["cost_usd"], json!(0.0050125));
    assert!(
        priced.stderr.contains("2 of 4 rows have no known price"),
        "{}",
        priced.stderr
    );
    let total = "total  4 rows  1017 in  302 out  unknown ($0.0050125 without 2 rows)";
    assert!(
        priced.stdout.ends_with(&format!("{total}\n")),
        "{}",
        priced.stdout
    );
    let to_stdout = workspace
        .run(&[
            "cost",
            "price",
            "usage.jsonl",
            "--prices",
            "prices.yaml",
            "--json",
            "-",
        ])
        .expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&to_stdout.stdout).unwrap(), out);
}

/// Protects people from prices and usage that are wrong: exit 2, the line, the field, and no result in place of an old one.
#[test]
fn what_is_wrong_is_shown_with_its_line() {
    let workspace = workspace();
    let _ = workspace.write("out.json", "old");
    let _ = workspace.write(
        "usage.jsonl",
        "{\"model\": \"m\", \"usage\": {}}\n{\"model\": \"m\", \"usage\": 3}\n",
    );
    let _ = workspace.write("prices.yaml", PRICES);
    let text = refused(
        &workspace,
        &[
            "cost",
            "price",
            "usage.jsonl",
            "--prices",
            "prices.yaml",
            "--json",
            "out.json",
        ],
    );
    assert!(
        text.contains("usage.jsonl:2:25: invalid type: integer `3`, expected an object"),
        "{text}"
    );
    assert_eq!(
        std::fs::read_to_string(workspace.path().join("out.json")).unwrap(),
        "old"
    );
    let _ = workspace.write(
        "prices.yaml",
        "currency: EUR\nopenai/gpt:\n  input_usd_per_mtok: -1\n  above:\n    - {input_tokens: 9, input_usd_per_mtok: 1}\n    \
         - {input_tokens: 8, input_usd_per_mtok: 1}\n",
    );
    let text = refused(
        &workspace,
        &["cost", "price", "usage.jsonl", "--prices", "prices.yaml"],
    );
    for said in [
        "prices.yaml:1:11",
        "`currency` is `EUR`, expected `USD`",
        "prices.yaml:3:23",
        "`input_usd_per_mtok` is -1, expected 0 or more dollars",
        "`input_tokens` is 8, not above the 9 before it",
        "`output_usd_per_mtok` is missing",
        "4 errors in prices.yaml",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let text = refused(&workspace, &["cost", "price", "usage.jsonl"]);
    assert!(
        text.contains("no prices are given, and none were imported"),
        "{text}"
    );
    let text = refused(
        &workspace,
        &["cost", "price", "usage.jsonl", "--prices", "litellm"],
    );
    assert!(
        text.contains("seatrial cost prices import litellm --from FILE"),
        "{text}"
    );
    let text = refused(
        &workspace,
        &["cost", "price", "none.jsonl", "--prices", "none.yaml"],
    );
    assert!(text.contains("failed to read none.yaml"), "{text}");
}

/// Protects the two open tables as they are shipped: imported with their date, priced by bare name, compared, and what
/// they disagree about is listed.
#[test]
fn open_tables_are_imported_and_compared() {
    let Some(folder) = test_data("open_tables_are_imported_and_compared") else {
        return;
    };
    let folder = folder.join("benchmarks/prices");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (litellm, genai) = (
        path("litellm_prices_trimmed.json"),
        path("genai_prices_v2_data_slim.json"),
    );
    let workspace = workspace();
    for (name, from) in [("litellm", &litellm), ("genai-prices", &genai)] {
        let import = [
            "cost",
            "prices",
            "import",
            name,
            "--from",
            from,
            "--as-of",
            "2026-11-23",
        ];
        let _ = workspace.run(&import).expect_code(0);
    }
    let diff = [
        "cost",
        "prices",
        "diff",
        "litellm",
        "genai-prices",
        "--at",
        "2026-11-23",
        "--json",
        "diff.json",
    ];
    let shown = workspace.run(&diff).expect_code(0).stdout;
    let found = workspace.json("diff.json");
    assert_eq!(
        (&found["a"]["models"], &found["b"]["models"]),
        (&json!(1165), &json!(1309))
    );
    let share = found["share_disagreeing"].as_f64().unwrap();
    assert!((0.12..0.18).contains(&share), "{share}");
    assert!(
        shown.contains("x-ai/grok-code-fast-1\n") && shown.contains("1 ≠ 0.2"),
        "{shown}"
    );
    let _ = workspace.write(
        "usage.jsonl",
        r#"{"id": 1, "provider": "openai", "model": "gpt-4o", "usage": {"prompt_tokens": 1000000, "completion_tokens": 0}}"#,
    );
    for source in [
        "litellm",
        "genai-prices",
        &format!("litellm={litellm}"),
        genai.as_str(),
    ] {
        let price = [
            "cost",
            "price",
            "usage.jsonl",
            "--prices",
            source,
            "--json",
            "out.json",
        ];
        let _ = workspace.run(&price).expect_code(0);
        assert_eq!(
            workspace.json("out.json")["totals"]["cost_usd"],
            json!(2.5),
            "{source}"
        );
    }
    let show = [
        "cost",
        "prices",
        "show",
        "xai/grok-code-fast-1",
        "--json",
        "show.json",
    ];
    let shown = workspace.run(&show).expect_code(0);
    assert!(
        shown.stderr.contains("the sources disagree about input_uncached"),
        "{}",
        shown.stderr
    );
    assert_eq!(workspace.json("show.json")["entries"][0]["as_of"], "2026-11-23");
    let list = ["cost", "prices", "list", "grok-code", "--json", "list.json"];
    let _ = workspace.run(&list).expect_code(0);
    let models = workspace.json("list.json");
    assert!(
        models["models"]
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["model"].as_str().unwrap().contains("grok-code"))
    );
    assert!(
        models["models"]
            .as_array()
            .unwrap()
            .iter()
            .any(|model| model["disagrees"] == json!(true))
    );
    let text = refused(&workspace, &["cost", "prices", "show", "openai/none"]);
    assert!(text.contains("no price for model"), "{text}");
    let text = refused(
        &workspace,
        &["cost", "prices", "import", "litellm", "--from", &genai],
    );
    assert!(text.contains("is not the table litellm"), "{text}");
    let text = refused(
        &workspace,
        &["cost", "prices", "import", "prices.com", "--from", &genai],
    );
    assert!(text.contains("expected litellm or genai-prices"), "{text}");
}
